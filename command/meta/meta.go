// Package meta is what all commands share: where they read and write, the
// flags that address an agent, how flags, arguments, help and exit codes are
// declared, how prefixes become objects, and hints. A command is a Verb; the
// root collects them. Nothing here knows a particular command.
package meta

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/nomadlike/nomadlike/command/render"
)

// Binary is the name of the program in help texts.
const Binary = "nomadlike"

// Meta is the surroundings of a command. All fields but Prompt are required.
type Meta struct {
	In       io.Reader
	Out, Err io.Writer
	Getenv   func(string) string
	Environ  func() []string
	Now      func() time.Time
	// Pause waits, or returns early with the context's error.
	Pause func(ctx context.Context, d time.Duration) error
	// Random is the source of IDs.
	Random io.Reader

	Colour      render.Palette
	Terminal    bool       // Out is one
	InTerminal  bool       // In is one
	Width       func() int // columns of the terminal, 0 when there is none
	OpenBrowser func(url string) error

	input *bufio.Reader
}

// Print writes a result.
func (m *Meta) Print(text string) { fmt.Fprintln(m.Out, text) }

// Printf writes a result.
func (m *Meta) Printf(format string, args ...any) { m.Print(fmt.Sprintf(format, args...)) }

// Info writes good news, in green.
func (m *Meta) Info(text string) { m.Print(m.Colour.Paint(render.Green, text)) }

// Warn writes a warning to stderr, in yellow.
func (m *Meta) Warn(text string) { fmt.Fprintln(m.Err, m.Colour.Paint(render.Yellow, text)) }

// Error writes an error to stderr, in red.
func (m *Meta) Error(text string) { fmt.Fprintln(m.Err, m.Colour.Paint(render.Red, text)) }

// Section writes a bold title after an empty line, and what belongs to it.
func (m *Meta) Section(title, body string) {
	m.Print("\n" + m.Colour.Bold(title))
	if body != "" {
		m.Print(body)
	}
}

// Ask writes a question and reads one line.
func (m *Meta) Ask(question string) (string, error) {
	fmt.Fprint(m.Out, question+" ")
	if m.input == nil {
		m.input = bufio.NewReader(m.In)
	}
	line, err := m.input.ReadString('\n')
	if err != nil && line == "" {
		fmt.Fprintln(m.Out)
		if errors.Is(err, io.EOF) {
			return "", errors.New("no answer was given: answer at a terminal, or pass -yes")
		}
		return "", fmt.Errorf("reading the answer: %w", err)
	}
	return strings.TrimSpace(line), nil
}

// Confirm asks a question whose safe answer is no.
func (m *Meta) Confirm(question string) (bool, error) {
	for {
		answer, err := m.Ask(question + " [y/N]")
		if err != nil {
			return false, err
		}
		switch strings.ToLower(answer) {
		case "y", "yes":
			return true, nil
		case "", "n", "no":
			return false, nil
		}
		m.Print(`Please answer "y" or "n".`)
	}
}
