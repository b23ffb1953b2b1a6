"""What others published and a table is made with: its package, version, licence and the digest of its content."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Component:
    """what: in words. package, version: as pip names them; empty for a file of the user's. digest: of its content."""

    what: str
    licence: str
    package: str = ""
    version: str = ""
    digest: str = ""

    @property
    def terms(self) -> str:
        """Licence, package, version and digest in one line."""
        package = f"package {self.package} {self.version}" if self.package else ""
        return "; ".join(filter(None, [self.licence, package, f"digest {self.digest}" if self.digest else ""]))
