package store

// lane does work on other goroutines, so many pieces at once, and takes the
// results one by one in the order in which the work was given to it.
type lane[T any] struct {
	width int
	take  func(T) error
	ahead []*piece[T]
}

type piece[T any] struct {
	done   chan struct{}
	result T
	err    error
}

// add gives work to the lane. When the lane is full, the oldest result is waited
// for and taken first.
func (l *lane[T]) add(work func() (T, error)) error {
	if len(l.ahead) >= l.width {
		if err := l.next(); err != nil {
			return err
		}
	}
	p := &piece[T]{done: make(chan struct{})}
	l.ahead = append(l.ahead, p)
	go func() {
		defer close(p.done)
		p.result, p.err = work()
	}()
	return nil
}

func (l *lane[T]) next() error {
	p := l.ahead[0]
	l.ahead = l.ahead[1:]
	<-p.done
	if p.err != nil {
		return p.err
	}
	return l.take(p.result)
}

// finish takes all results.
func (l *lane[T]) finish() error {
	for len(l.ahead) > 0 {
		if err := l.next(); err != nil {
			return err
		}
	}
	return nil
}

// abandon waits for what still runs, and takes nothing more.
func (l *lane[T]) abandon() {
	for _, p := range l.ahead {
		<-p.done
	}
	l.ahead = nil
}
