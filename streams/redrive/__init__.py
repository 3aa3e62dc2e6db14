"""Dead letters sent again, once what was wrong is mended."""
