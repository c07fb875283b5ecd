"""The field's data sets, one file each."""
