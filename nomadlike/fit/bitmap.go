package fit

import "math/bits"

const (
	pageBits  = 1024 // ports of one page: 128 bytes, so that sparse use stays small
	pageWords = pageBits / 64
	portsMax  = 65536
	pages     = portsMax / pageBits
)

// Bitmap is a set of numbers from 0 to 65535, such as ports.
type Bitmap struct {
	page [pages]*[pageWords]uint64
}

// Has tells whether n is in the set; numbers out of range never are.
func (b *Bitmap) Has(n int) bool {
	if n < 0 || n >= portsMax {
		return false
	}
	p := b.page[n/pageBits]
	return p != nil && p[n%pageBits/64]&(1<<(n%64)) != 0
}

// Set adds n and tells whether it was not in the set.
func (b *Bitmap) Set(n int) bool {
	if n < 0 || n >= portsMax || b.Has(n) {
		return false
	}
	p := b.page[n/pageBits]
	if p == nil {
		p = new([pageWords]uint64)
		b.page[n/pageBits] = p
	}
	p[n%pageBits/64] |= 1 << (n % 64)
	return true
}

// Count tells how many numbers from low to high, both included, are in the set.
func (b *Bitmap) Count(low, high int) int {
	count := 0
	for n := max(low, 0); n <= min(high, portsMax-1); {
		if p := b.page[n/pageBits]; p == nil {
			n = (n/pageBits + 1) * pageBits
		} else if n%64 == 0 && n+63 <= high {
			count += bits.OnesCount64(p[n%pageBits/64])
			n += 64
		} else {
			if b.Has(n) {
				count++
			}
			n++
		}
	}
	return count
}
