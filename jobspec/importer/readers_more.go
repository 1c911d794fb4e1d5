package importer

import (
	"context"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

// alone makes a reader of files that are read one by one.
func alone(read func(body []byte) ([]*outline.Job, error)) reader {
	return reader{read: func(_ context.Context, files []File, _ []string) ([]*outline.Job, []error) {
		jobs, err := read(files[0].Body)
		if err != nil {
			return nil, []error{err}
		}
		return jobs, nil
	}}
}
