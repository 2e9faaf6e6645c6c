"""OGC API - Features: what any GIS reads."""
