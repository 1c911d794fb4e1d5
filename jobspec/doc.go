// Package jobspec reads job files: HCL2, in its native or its JSON syntax,
// with input variables, locals, functions and dynamic blocks. It gives the
// job as a spec.Document in which nothing is filled in that the file does not
// say, or every problem it found with its place in the source. The HTTP parse
// endpoint and the command line call it. It never canonicalises, validates or
// submits a job, and it reads the file system only for file functions, where
// the caller allows them.
package jobspec
