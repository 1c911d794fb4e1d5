package plugin

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"github.com/nomadlike/nomadlike/command/clitest"
)

var _ = flag.Bool("rewrite", false, "write the transcripts instead of comparing them")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTranscripts(t *testing.T) { clitest.Run(t, "testdata/*.txt", Commands) }
