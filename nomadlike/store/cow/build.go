package cow

// buildFill is how many entries a node that is built at once gets: the room
// that is left takes the changes that follow without dividing every node.
const buildFill = itemsMax - itemsStep

// Build makes a tree of n entries, which at gives in the order of their keys,
// each key once. It takes a fraction of the time and room that adding one after
// the other does.
func Build[V Keyed](o *Owner, n int, at func(i int) V) Tree[V] {
	return BuildRanked(o, n, func(i int) (uint64, V) {
		v := at(i)
		return Rank(v.Key()), v
	})
}

// BuildRanked is Build with ranks of the caller's choice, and entries in the
// order of rank and key.
func BuildRanked[V Keyed](o *Owner, n int, at func(i int) (rank uint64, v V)) Tree[V] {
	return Tree[V]{build(o, n, at)}
}

// BuildIndex is Build for numbers and their keys.
func BuildIndex(o *Owner, n int, at func(i int) (key string, number uint64)) Index {
	return Index{build(o, n, func(i int) (uint64, uint64) {
		key, number := at(i)
		return Rank(key), number
	})}
}

func build[V any](o *Owner, n int, at func(i int) (rank uint64, v V)) ordered[V] {
	if n == 0 {
		return ordered[V]{}
	}
	// below is how many entries a full child of the root holds; leaves have none.
	below, whole := 0, buildFill
	for whole < n {
		below, whole = whole, buildFill+(buildFill+1)*whole
	}
	b := builder[V]{owner: o, at: at}
	return ordered[V]{root: b.node(0, n, below), length: n}
}

type builder[V any] struct {
	owner *Owner
	at    func(i int) (uint64, V)
}

func (b *builder[V]) item(i int) item[V] {
	rank, v := b.at(i)
	return item[V]{rank, v}
}

// node makes the node of the entries from one up to another, whose full children
// hold so many entries; a leaf has none.
func (b *builder[V]) node(from, to, below int) *node[V] {
	if below == 0 {
		n := &node[V]{owner: b.owner, items: make([]item[V], to-from, room(to-from-1))}
		for i := range n.items {
			n.items[i] = b.item(from + i)
		}
		return n
	}
	// Between two children stands one entry of this node.
	children := (to - from + 1 + below) / (below + 1)
	n := &node[V]{owner: b.owner, items: make([]item[V], 0, room(children-2)), children: make([]*node[V], 0, room(children-2)+1)}
	for left := children; left > 0; left-- {
		share := (to - from - left + 1) / left // of what is left, evenly
		n.children = append(n.children, b.node(from, from+share, (below-buildFill)/(buildFill+1)))
		if from += share; left > 1 {
			n.items = append(n.items, b.item(from))
			from++
		}
	}
	return n
}
