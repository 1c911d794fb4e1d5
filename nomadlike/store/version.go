package store

import (
	"slices"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
)

// versionsKept is how many versions of a job without a tag are kept when the
// write does not say otherwise.
const versionsKept = 6

// addVersion makes the row's job its newest version and drops what is beyond
// the number to keep: the oldest, but never the newest stable one, which is
// what a failed deployment goes back to, nor a tagged one.
func (t *tx) addVersion(row *jobRow, keep int) {
	if keep <= 0 {
		keep = versionsKept
	}
	job := row.job
	versions := append(make([]*nl.Job, 0, len(row.versions)+1), job)
	versions = append(versions, row.versions...)
	change(t, TableJobVersions, job.Namespace, job.ID, nil, job)
	untagged := 0
	for _, v := range versions {
		if v.VersionTag == nil {
			untagged++
		}
	}
	stable := slices.IndexFunc(versions, func(v *nl.Job) bool { return v.Stable })
	for i := len(versions) - 1; i > 0 && untagged > keep; i-- {
		dropped := versions[i]
		if dropped.VersionTag != nil || i == stable {
			continue
		}
		versions = slices.Delete(versions, i, i+1)
		untagged--
		change(t, TableJobVersions, job.Namespace, job.ID, dropped, nil)
		t.deleteSubmission(row, dropped.Version)
	}
	row.versions = versions
}

// editVersion replaces one kept version by what edit makes of a copy. The
// version's row and the job itself stay one object.
func (t *tx) editVersion(row *jobRow, version uint64, edit func(*nl.Job)) {
	at := slices.IndexFunc(row.versions, func(v *nl.Job) bool { return v.Version == version })
	before := row.versions[at]
	next := *before
	edit(&next)
	if row.job == before {
		t.touch(row)
		t.replaceJob(row, &next)
	} else {
		next.ModifyIndex = t.index
		row.versions = slices.Clone(row.versions)
		row.versions[at] = &next
	}
	change(t, TableJobVersions, next.Namespace, next.ID, before, &next)
}

func (t *tx) setJobStability(o *op.SetJobStability) error {
	if t.JobVersion(o.Namespace, o.ID, o.Version) == nil {
		return nl.Errorf(nl.CodeInternal, "job %q in namespace %q at version %d not found", o.ID, o.Namespace, o.Version)
	}
	t.setStable(t.jobRow(o.Namespace, o.ID), o.Version, o.Stable)
	return nil
}

func (t *tx) setStable(row *jobRow, version uint64, stable bool) {
	if v := row.version(version); v == nil || v.Stable == stable {
		return
	}
	t.editVersion(row, version, func(j *nl.Job) { j.Stable = stable })
}

func (t *tx) tagJobVersion(o *op.TagJobVersion) error {
	tagged := slices.IndexFunc(t.JobVersions(o.Namespace, o.ID),
		func(v *nl.Job) bool { return v.VersionTag != nil && v.VersionTag.Name == o.Name })
	if o.Tag == nil {
		if tagged < 0 {
			return nl.Errorf(nl.CodeInternal, "tag %q not found on job %q", o.Name, o.ID)
		}
		row := t.jobRow(o.Namespace, o.ID)
		t.editVersion(row, row.versions[tagged].Version, func(j *nl.Job) { j.VersionTag = nil })
		return nil
	}
	if t.JobVersion(o.Namespace, o.ID, o.Version) == nil {
		return nl.Errorf(nl.CodeInternal, "job %q version %d not found", o.ID, o.Version)
	}
	row := t.jobRow(o.Namespace, o.ID)
	if tagged >= 0 && row.versions[tagged].Version != o.Version {
		return nl.Errorf(nl.CodeInternal, "tag %q already exists on a different version of job %q", o.Name, o.ID)
	}
	tag := *o.Tag
	tag.Name = o.Name
	t.editVersion(row, o.Version, func(j *nl.Job) { j.VersionTag = &tag })
	return nil
}

// putSubmission keeps the source of the row's newest version.
func (t *tx) putSubmission(row *jobRow, s *nl.JobSubmission) {
	next := *s
	next.Namespace, next.JobID = row.job.Namespace, row.job.ID
	next.Version, next.JobModifyIndex = row.job.Version, row.job.JobModifyIndex
	row.submissions = append([]*nl.JobSubmission{&next}, row.submissions...)
	change(t, TableJobSubmissions, next.Namespace, next.JobID, nil, &next)
}

func (t *tx) deleteSubmission(row *jobRow, version uint64) {
	at := slices.IndexFunc(row.submissions, func(s *nl.JobSubmission) bool { return s.Version == version })
	if at < 0 {
		return
	}
	row.submissions = slices.Concat(row.submissions[:at], row.submissions[at+1:])
	t.indexes[TableJobSubmissions] = t.index
}
