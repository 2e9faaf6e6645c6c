"""The query language over documents: values (`q`), types, scopes and geometry."""
