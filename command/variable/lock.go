package variable

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/meta"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	lockTTL     = 15 * time.Second
	lockDelay   = 15 * time.Second
	lockRetries = 5
	// lockBackoffPercent of the TTL is waited before the lock is tried again:
	// a holder that is gone has lost it by then.
	lockBackoffPercent = 110
	// lockKillAfter is how long a child may take to end once the lock is lost.
	lockKillAfter = 5 * time.Second
	// lockCallTimeout bounds the release, which is made when the command is
	// being ended already.
	lockCallTimeout = 10 * time.Second
)

// locker holds a lock while a child runs.
type locker struct {
	c        *meta.Call
	client   *apiclient.Client
	variable *nl.VariableDecrypted // what is written with the lock
	id       string

	ttl, delay, backoff time.Duration
	retries             int
	once, shell         bool
	verbose             bool
}

func lock(*meta.Meta) *meta.Verb {
	l := &locker{}
	return &meta.Verb{
		Name: "var lock", Args: "<path> [@<file>] <command> [<argument>...]", MinArgs: 2, MaxArgs: meta.AnyArgs, PassThrough: true,
		Summary: "Run a command while holding a lock",
		Text: "Takes the lock on a variable, runs a command, and gives the lock up when the command has ended. Only one can hold it at a time. " +
			"The variable is created when there is none; a file gives it items. When the lock is lost the command is stopped.",
		Examples: []meta.Example{
			{Text: "Run a migration once at a time", Line: meta.Binary + " var lock deploy/migrate ./migrate.sh"},
		},
		Flags: func(fl *meta.Flags) {
			fl.Duration(&l.ttl, "ttl", lockTTL, "<duration>", "How long the lock lasts unless it is renewed, 10s to 24h. Default: 15s.")
			fl.Duration(&l.delay, "delay", lockDelay, "<duration>", "How long nobody can take a lock that was not renewed. Default: 15s.")
			fl.Int(&l.retries, "max-retry", lockRetries, "<n>", "How often to try again when the lock is held. Default: 5.")
			fl.Duration(&l.backoff, "backoff", 0, "<duration>", "How long to wait before that. Default: 1.1 times the TTL.")
			fl.Bool(&l.once, "early-return", false, "Give up at once when the lock is held.")
			fl.Bool(&l.shell, "shell", true, "Run the command by a shell. Default: true.")
			fl.Verbose(&l.verbose)
		},
		Predict: meta.Predict("vars"),
		Do: func(ctx context.Context, c *meta.Call) error {
			l.c = c
			in, err := read(c, "")
			if err != nil {
				return err
			}
			if len(in.rest) == 0 {
				return meta.Usagef("The command to run is missing")
			}
			if l.client, err = c.Client(); err != nil {
				return err
			}
			l.variable = in.variable
			return l.run(ctx, in.rest)
		},
	}
}

func (l *locker) tell(format string, args ...any) {
	if l.verbose {
		l.c.Warn(fmt.Sprintf(format, args...))
	}
}

// call asks for an operation on the lock.
func (l *locker) call(ctx context.Context, operation string, body *nl.VariableDecrypted) (*nl.VariableDecrypted, error) {
	q := &apiclient.Query{Params: map[string]string{operation: ""}}
	v, _, err := apiclient.Put[*nl.VariableDecrypted](ctx, l.client, route(l.variable.Path), body, q)
	return v, err
}

func (l *locker) acquire(ctx context.Context) error {
	backoff := l.backoff
	if backoff <= 0 {
		backoff = l.ttl * lockBackoffPercent / 100
	}
	body := &nl.VariableDecrypted{Namespace: l.variable.Namespace, Path: l.variable.Path, Items: l.variable.Items,
		Lock: &nl.VariableLock{TTL: l.ttl.String(), LockDelay: l.delay.String()}}
	for try := 0; ; try++ {
		v, err := l.call(ctx, "lock-acquire", body)
		if err == nil {
			if v == nil || v.Lock == nil {
				return fmt.Errorf("locking variable %q: the agent's answer holds no lock", l.variable.Path)
			}
			l.id = v.Lock.ID
			l.tell("The lock on %q is held.", l.variable.Path)
			return nil
		}
		if apiclient.CodeOf(err) != http.StatusConflict {
			return fmt.Errorf("locking variable %q: %w", l.variable.Path, err)
		}
		if l.once || try >= l.retries {
			return fmt.Errorf("locking variable %q: somebody else holds the lock", l.variable.Path)
		}
		l.tell("The lock on %q is held by somebody else; trying again in %s.", l.variable.Path, backoff)
		if err := l.c.Pause(ctx, backoff); err != nil {
			return err
		}
	}
}

// mine names the lock.
func (l *locker) mine() *nl.VariableDecrypted {
	return &nl.VariableDecrypted{Namespace: l.variable.Namespace, Path: l.variable.Path, Lock: &nl.VariableLock{ID: l.id}}
}

// keep renews the lock until ctx ends. It returns when the lock is lost.
func (l *locker) keep(ctx context.Context) error {
	renewed := l.c.Now()
	for {
		if l.c.Pause(ctx, l.ttl/3) != nil {
			return nil
		}
		_, err := l.call(ctx, "lock-renew", l.mine())
		code := apiclient.CodeOf(err)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			renewed = l.c.Now()
			continue
		case code == http.StatusConflict || code == http.StatusNotFound || l.c.Now().Sub(renewed) >= l.ttl:
			return fmt.Errorf("the lock on variable %q was lost: %w", l.variable.Path, err)
		}
		l.tell("The lock could not be renewed, which will be tried again: %v.", err)
	}
}

func (l *locker) release() error {
	ctx, cancel := context.WithTimeout(context.Background(), lockCallTimeout)
	defer cancel()
	if _, err := l.call(ctx, "lock-release", l.mine()); err != nil {
		return fmt.Errorf("giving up the lock on variable %q: %w", l.variable.Path, err)
	}
	l.tell("The lock on %q was given up.", l.variable.Path)
	return nil
}

// run runs the child under the lock.
func (l *locker) run(ctx context.Context, command []string) error {
	if err := l.acquire(ctx); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	childCtx, lose := context.WithCancel(ctx)
	keepCtx, ended := context.WithCancel(context.Background())
	kept := make(chan error, 1)
	go func() {
		err := l.keep(keepCtx)
		lose()
		kept <- err
	}()
	err := l.child(childCtx, command)
	ended()
	lost := <-kept
	if lost != nil {
		return errors.Join(lost, err)
	}
	return errors.Join(err, l.release())
}

func (l *locker) child(ctx context.Context, command []string) error {
	if l.shell {
		shell := l.c.Getenv("SHELL")
		if shell == "" {
			shell = "/bin/sh"
		}
		command = []string{shell, "-c", strings.Join(command, " ")}
	}
	child := exec.CommandContext(ctx, command[0], command[1:]...)
	child.Stdin, child.Stdout, child.Stderr = l.c.In, l.c.Out, l.c.Err
	child.Env = l.c.Environ()
	child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
	child.WaitDelay = lockKillAfter
	if err := child.Run(); err != nil {
		return fmt.Errorf("the command %q failed: %w", command[len(command)-1], err)
	}
	return nil
}
