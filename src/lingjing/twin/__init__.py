"""What the district is, was and might be."""
