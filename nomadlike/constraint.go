package nomadlike

// Constraint is a condition that a node must meet.
type Constraint struct {
	// `${...}` interpolation or literal
	LTarget string
	// `=`(`==`,`is`) `!=`(`not`) `>` `>=` `<` `<=` `regexp` `version` `semver` `set_contains` `set_contains_all` `set_contains_any` `distinct_hosts` `distinct_property` `is_set` `is_not_set`
	Operand string
	RTarget string
}

// Affinity is a condition that makes a node more, or less, welcome.
type Affinity struct {
	// as Constraint
	Operand string
	// default 50; -100..100, not 0
	Weight  int
	LTarget string
	RTarget string
}

// Spread distributes allocations over the values of an attribute.
type Spread struct {
	// default 50; 1..100
	Weight int
	// percent sum <= 100
	SpreadTarget []*SpreadTarget
	Attribute    string
}

// SpreadTarget is the share of allocations that one value should get.
type SpreadTarget struct {
	Value   string
	Percent uint64
}
