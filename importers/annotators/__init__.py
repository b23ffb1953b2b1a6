"""Labels of the tools that people annotate with, read and written: Label Studio, CVAT, VIA, ELAN, OTIO, EDL, FCPXML."""
