# A variable, for "nomadlike var put @spec.nv.hcl".

# Where the variable is kept. Letters, digits and - _ ~ / are allowed. Jobs can
# read what is below nomad/jobs/<job> without being granted anything.
path = "path/to/variable"

# The namespace; that of the command line when it is left out.
# namespace = "default"

# What the variable holds: names and texts, 64 KiB together. They are encrypted
# where they are stored.
items {
  user     = "alice"
  password = "change me"
}
