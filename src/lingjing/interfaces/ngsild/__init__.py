"""NGSI-LD 1.9.1 over the living twin: translation between HTTP and documents, nothing more."""
