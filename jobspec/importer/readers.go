package importer

// readers are the kinds of files by name.
var readers = map[string]reader{
	"compose": {read: readCompose},
}
