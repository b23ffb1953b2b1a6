"""Which films there are: lists, folders, buckets, and the files beside films. Nothing here knows tasks or engines."""
