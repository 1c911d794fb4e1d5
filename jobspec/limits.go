package jobspec

// Bounds on what one job file may cost. Job files arrive over the network, so
// none of their dimensions is left to the author.
const (
	// sourceBytesMax bounds the job file and each file of variables, in bytes.
	// It is twice the size of source a server keeps by default.
	sourceBytesMax = 2 << 20
	// tokensMax bounds the words and signs of a source, of which each takes
	// about 200 bytes while it is read and as much in the tree made of it.
	// runTokensMax bounds those of one text or value, which cannot be read in
	// pieces.
	tokensMax    = 260_000
	runTokensMax = 150_000
	// copiedBytesMax bounds the bytes that are copied to join the lines of one
	// text, which takes about a second. It allows for half a mebibyte in lines of
	// the usual length.
	copiedBytesMax = 2 << 30
	// jsonSignsMax bounds the brackets, commas and colons of a source in JSON, of
	// which each takes about 500 bytes while it is read.
	jsonSignsMax = 90_000
	// nestingMax bounds how deep blocks, brackets, templates and directives
	// nest: reading and evaluating are recursive.
	nestingMax = 200
	// operatorsMax bounds the operators, indexes and conditionals between two
	// separators; each makes the expression one level deeper.
	operatorsMax = 2000
	// dynamicBlocksMax bounds the blocks all dynamic blocks of a file make.
	dynamicBlocksMax = 10_000
	// valueBytesMax bounds one value, as counted by valueSize, in bytes.
	valueBytesMax = 8 << 20
	// evaluationBudget bounds the values a file makes in total while it is
	// evaluated, in bytes; small files with nested loops are the ones it stops.
	evaluationBudget = 64 << 20
	// evaluationCost is charged for every evaluated expression, in bytes.
	evaluationCost = 256
	// attributeCost and blockCost are charged for every decoded attribute and
	// block, in bytes: what they take in a document. There a block has all the
	// members of its shape, said or not: memberCost is charged for each.
	attributeCost = 128
	blockCost     = 1 << 10
	memberCost    = 64
	// failureCost is charged for every expression that fails, in bytes: a
	// failing loop makes a diagnostic per element.
	failureCost = 32 << 10
	// numberExponentMax bounds numbers to 2 to this power; written out in
	// decimal a number is about a third as many digits.
	numberExponentMax = 4096
	// formatWidthMax bounds width and precision in format strings, in
	// characters.
	formatWidthMax = 10_000
	// fileBytesMax bounds a file that a file function reads, in bytes.
	fileBytesMax = 4 << 20
	// filesMax bounds the names a file set holds.
	filesMax = 10_000
	// bcryptCostMax bounds the work of one password hash: about a quarter of a
	// second.
	bcryptCostMax = 12
	// diagnosticsMax bounds the problems reported at once.
	diagnosticsMax = 100
)
