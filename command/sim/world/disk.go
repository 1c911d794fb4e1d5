package world

import "math/rand/v2"

// Disk holds records in order. What is not synced when the machine crashes is
// lost from some record on; that record may be torn, which its reader notices.
type Disk[T any] struct {
	base    int // records that were dropped from the front
	records []T
	synced  int // records from the beginning that are safe
}

// Len counts the records ever written, those dropped from the front included.
func (d *Disk[T]) Len() int { return d.base + len(d.records) }

// Base counts the records that were dropped from the front.
func (d *Disk[T]) Base() int { return d.base }

// At is a record by its number.
func (d *Disk[T]) At(i int) T { return d.records[i-d.base] }

// Append writes records that are not safe yet.
func (d *Disk[T]) Append(records ...T) { d.records = append(d.records, records...) }

// Sync makes the records before n safe, as far as they are still there.
func (d *Disk[T]) Sync(n int) { d.synced = max(d.synced, min(n, d.Len())) }

// Synced counts the records that are safe.
func (d *Disk[T]) Synced() int { return d.synced }

// Truncate drops the records from n on.
func (d *Disk[T]) Truncate(n int) {
	if n < d.base {
		n = d.base
	}
	if n < d.Len() {
		clear(d.records[n-d.base:])
		d.records = d.records[:n-d.base]
	}
	d.synced = min(d.synced, n)
}

// Drop drops the records before n, which something else now holds.
func (d *Disk[T]) Drop(n int) {
	if n <= d.base {
		return
	}
	d.records = append([]T(nil), d.records[min(n-d.base, len(d.records)):]...)
	d.base = n
	d.synced = max(d.synced, n)
}

// Crash forgets a part of what was not synced. It tells how many records are
// lost, and whether the first of them was found torn.
func (d *Disk[T]) Crash(random *rand.Rand) (lost int, torn bool) {
	unsafe := d.Len() - d.synced
	if unsafe <= 0 {
		return 0, false
	}
	kept := random.IntN(unsafe + 1)
	lost = unsafe - kept
	d.Truncate(d.synced + kept)
	d.synced = d.Len()
	return lost, lost > 0 && random.IntN(2) == 0
}
