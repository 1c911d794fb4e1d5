package wire

import (
	"fmt"

	nl "github.com/nomadlike/nomadlike/nomadlike"
)

// Allocations are most of what is ever encoded, so their form is written and
// read by hand; the bytes are those that the library makes of allocForm.

// allocFields is how many elements an allocForm has.
const allocFields = 29

// append appends the form.
func (f *allocForm) append(b []byte) (_ []byte, err error) {
	b = AppendArray(b, allocFields)
	b = AppendText(AppendText(b, f.ID), f.Name)
	for _, n := range f.references() {
		b = AppendUint(b, uint64(*n))
	}
	for _, n := range [...]uint64{f.JobVersion, uint64(f.AllocatedResources), uint64(f.Metrics)} {
		b = AppendUint(b, n)
	}
	b = f.TaskStates.AppendCBOR(appendDeploymentStatus(b, f.DeploymentStatus))
	if b, err = appendNetworkStatus(b, f.NetworkStatus); err != nil {
		return nil, err
	}
	if b, err = appendItem(b, f.RescheduleTracker); err != nil {
		return nil, err
	}
	for _, n := range [...]uint64{f.CreateIndex, f.ModifyIndex, f.AllocModifyIndex} {
		b = AppendUint(b, n)
	}
	b = AppendInt(AppendInt(b, f.CreateTime), f.ModifyTime)
	return appendItem(b, f.More)
}

// readTaskStates reads them; errors are the reader's.
func readTaskStates(r *Reader) nl.TaskStates {
	states, err := nl.UnpackTaskStates(string(r.bytes()))
	if err != nil {
		r.fail(err)
	}
	return states
}

// references are the positions of shared texts, in the order of the form.
func (f *allocForm) references() [allocTexts]*uint32 {
	return [...]*uint32{
		&f.Namespace, &f.JobID, &f.TaskGroup, &f.EvalID, &f.NodeID, &f.NodeName,
		&f.DesiredStatus, &f.DesiredDescription, &f.ClientStatus, &f.ClientDescription,
		&f.PreviousAllocation, &f.NextAllocation, &f.DeploymentID, &f.SigningKeyID,
	}
}

// read reads a form; errors are the reader's.
func (f *allocForm) read(r *Reader) {
	if n := r.Array(); r.err == nil && n != allocFields {
		r.fail(fmt.Errorf("it has %d elements instead of %d", n, allocFields))
	}
	f.ID, f.Name = r.Texts()
	for _, to := range f.references() {
		*to = r.uint32()
	}
	f.JobVersion, f.AllocatedResources, f.Metrics = r.Uint(), r.uint32(), r.uint32()
	f.DeploymentStatus = readDeploymentStatus(r)
	f.TaskStates = readTaskStates(r)
	f.NetworkStatus = readNetworkStatus(r)
	f.RescheduleTracker = readItem[nl.RescheduleTracker](r)
	f.CreateIndex, f.ModifyIndex, f.AllocModifyIndex = r.Uint(), r.Uint(), r.Uint()
	f.CreateTime, f.ModifyTime = r.Int(), r.Int()
	f.More = readItem[allocMore](r)
}
