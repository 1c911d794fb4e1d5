package sched

import (
	"encoding/hex"
	"strconv"
)

const (
	// idsTogetherFrom is how many placements make a plan large.
	idsTogetherFrom = 256
	// idBlock is how many IDs there are with the same first four digits, as far
	// as the next four tell them apart: lists show these eight.
	idBlock = 1 << 16
	// idLength is that of an ID in its text form.
	idLength = 36
)

// ids names the allocations of a large plan so that they lie together in every
// index by ID and come in its order: they share their first four digits, and the
// next four ascend. Entered at random among two million, each has a leaf of the
// index to itself, which is read from memory and copied for it alone. The zero value leaves IDs as they are.
type ids struct {
	first string // digits
	next  int    // of the block
	step  int    // from one to the next; 0 for a small plan
}

// idsFor are those of so many placements.
func idsFor(placements int) ids {
	if placements < idsTogetherFrom {
		return ids{}
	}
	return ids{next: idBlock, step: max(1, idBlock/placements)}
}

// name gives an allocation its ID, a random one moved next to the ones before,
// beside its name. Both are one text: of the millions of allocations that a
// cluster holds each is one object less for the collector of garbage to mark.
func (b *ids) name(id, name string) (string, string) {
	both := b.place(id) + name
	return both[:len(id)], both[len(id):]
}

// place moves a random ID next to the ones before.
func (b *ids) place(id string) string {
	if b.step == 0 || len(id) != idLength {
		return id
	}
	if b.next+b.step > idBlock {
		b.first, b.next = id[:4], 0
	}
	offset, err := strconv.ParseUint(id[4:8], 16, 16)
	if err != nil {
		return id
	}
	at := b.next + int(offset)%b.step
	b.next += b.step
	var out [idLength]byte
	copy(out[:], b.first)
	hex.Encode(out[4:8], []byte{byte(at >> 8), byte(at)})
	copy(out[8:], id[8:])
	return string(out[:])
}
