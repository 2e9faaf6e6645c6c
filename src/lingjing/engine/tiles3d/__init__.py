"""Buildings as 3D Tiles 1.1: a quadtree of glTF models whose features carry the twin's ids."""
