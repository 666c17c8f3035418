"""Files that other trainers load; apart, because ms-swift puts a plug-in's folder in front of the module path."""
