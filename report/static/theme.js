"use strict";
// Light or dark: as the system says until the switch is pressed; the choice is kept where the browser allows it.
(() => {
  const kept = () => { try { return localStorage.getItem("cinelake-theme"); } catch { return null; } };
  const keep = (theme) => { try { localStorage.setItem("cinelake-theme", theme); } catch { /* a browser that keeps nothing */ } };
  const system = matchMedia("(prefers-color-scheme: dark)");
  const current = () => document.documentElement.dataset.theme || (system.matches ? "dark" : "light");
  const chosen = kept();
  if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;

  const tell = () => {
    const button = document.getElementById("theme");
    const other = current() === "dark" ? "Light" : "Dark";
    button.textContent = other;
    button.setAttribute("aria-label", `Switch to the ${other.toLowerCase()} theme`);
    document.dispatchEvent(new Event("themechange"));
  };
  addEventListener("DOMContentLoaded", () => {
    tell();
    document.getElementById("theme").addEventListener("click", () => {
      const theme = current() === "dark" ? "light" : "dark";
      document.documentElement.dataset.theme = theme;
      keep(theme);
      tell();
    });
  });
  system.addEventListener("change", tell);
})();
