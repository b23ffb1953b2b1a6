"""Reading films: probe, one ffmpeg graph per film, one reader. The only room that knows ffmpeg."""
