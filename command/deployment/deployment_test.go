package deployment

import (
	"flag"
	"testing"

	"go.uber.org/goleak"

	"github.com/nomadlike/nomadlike/command/clitest"
)

var _ = flag.Bool("rewrite", false, "write what is printed into the transcripts")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTranscripts(t *testing.T) { clitest.Run(t, "testdata/*.txt", Commands) }
