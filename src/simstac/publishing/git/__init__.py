"""Publishing to a Git clone, for example one that GitHub Pages serves."""
