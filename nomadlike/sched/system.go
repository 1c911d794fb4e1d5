package sched

import "errors"

func (r *run) system() (*Outcome, error) { return nil, errors.New("not there yet") }
