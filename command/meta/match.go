package meta

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/nomadlike/nomadlike/command/apiclient"
	"github.com/nomadlike/nomadlike/command/render"
	nl "github.com/nomadlike/nomadlike/nomadlike"
)

const (
	// jobMatchMax is how many candidates are asked for when a prefix names a job.
	jobMatchMax = 20
	// idLength is the length of a whole ID.
	idLength = 36
	// prefixMin is the shortest prefix of an ID that is looked up.
	prefixMin = 2
)

// JobMatch is the job that a prefix means.
type JobMatch struct {
	ID, Namespace string
	Exact         bool // the prefix was the whole ID
}

// JobKind narrows which jobs a prefix may mean.
type JobKind struct {
	Filter string // for the agent
	Is     func(*nl.JobStub) bool
	What   string // "periodic job"
}

// AnyJob is every job.
func AnyJob() JobKind { return JobKind{What: "job"} }

// Job finds the job that a prefix means, and works in its namespace from then on.
func (c *Call) Job(ctx context.Context, prefix string) (JobMatch, error) {
	return c.JobOf(ctx, prefix, AnyJob())
}

// JobOf is Job among jobs of a kind.
func (c *Call) JobOf(ctx context.Context, prefix string, kind JobKind) (JobMatch, error) {
	if strings.TrimSpace(prefix) == "" {
		return JobMatch{}, Usagef("The ID of the job is empty")
	}
	client, err := c.Client()
	if err != nil {
		return JobMatch{}, err
	}
	jobs, err := c.listJobs(ctx, client, prefix, kind)
	if apiclient.CodeOf(err) == http.StatusForbidden {
		// Whoever may not list may still read a job whose ID he knows.
		return JobMatch{ID: prefix, Namespace: client.Namespace(), Exact: true}, nil
	}
	if err != nil {
		return JobMatch{}, fmt.Errorf("looking for %s %q: %w", kind.What, prefix, err)
	}
	match, err := c.chooseJob(jobs, prefix, kind)
	if err != nil {
		return JobMatch{}, err
	}
	_, err = c.Within("", match.Namespace)
	return match, err
}

// listJobs asks for candidates. Older servers do not know the fields of the
// filter, so the choice is made again here.
func (c *Call) listJobs(ctx context.Context, client *apiclient.Client, prefix string, kind JobKind) ([]*nl.JobStub, error) {
	q := &apiclient.Query{Prefix: prefix, PerPage: jobMatchMax, Filter: kind.Filter}
	jobs, _, err := apiclient.Get[[]*nl.JobStub](ctx, client, "/v1/jobs", q)
	if err != nil && kind.Filter != "" && apiclient.CodeOf(err) != http.StatusForbidden {
		q.Filter = ""
		jobs, _, err = apiclient.Get[[]*nl.JobStub](ctx, client, "/v1/jobs", q)
	}
	if kind.Is != nil {
		jobs = slices.DeleteFunc(jobs, func(j *nl.JobStub) bool { return !kind.Is(j) })
	}
	return jobs, err
}

func (c *Call) chooseJob(jobs []*nl.JobStub, prefix string, kind JobKind) (JobMatch, error) {
	if len(jobs) == 0 {
		return JobMatch{}, fmt.Errorf("no %s(s) with prefix or ID %q found", kind.What, prefix)
	}
	first := jobs[0]
	exact := first.ID == prefix
	ambiguous := len(jobs) > 1 && (!exact || (c.AllNamespaces() && jobs[1].ID == prefix))
	if ambiguous {
		text := fmt.Sprintf("prefix %q matches several %ss\n\n%s", prefix, kind.What, JobTable(jobs, c.AllNamespaces()))
		if len(jobs) == jobMatchMax {
			text += fmt.Sprintf("\n\nOnly the first %d are shown.", jobMatchMax)
		}
		return JobMatch{}, &MatchError{Text: text}
	}
	namespace := first.Namespace
	if namespace == "" && !c.AllNamespaces() {
		namespace = c.Namespace()
	}
	return JobMatch{ID: first.ID, Namespace: namespace, Exact: exact}, nil
}

// JobTable lists jobs.
func JobTable(jobs []*nl.JobStub, namespaces bool) string {
	t := render.NewTable("ID", render.If(namespaces, "Namespace"), "Type", "Priority", "Status", "Submit Date")
	for _, j := range jobs {
		t.Row(j.ID, j.Namespace, JobType(j), fmt.Sprint(j.Priority), JobStatus(j.Status, j.Stop), render.Nanos(j.SubmitTime))
	}
	return t.String()
}

// JobType is a job's type with what makes it a parent of others.
func JobType(j *nl.JobStub) string {
	out := j.Type
	if j.Periodic {
		out += "/periodic"
	}
	if j.ParameterizedJob {
		out += "/parameterized"
	}
	return out
}

// JobStatus is a job's status with whether it was stopped.
func JobStatus(status string, stopped bool) string {
	if stopped {
		return status + " (stopped)"
	}
	return status
}

// MatchError tells that a prefix means several objects, and lists them.
type MatchError struct{ Text string }

func (e *MatchError) Error() string { return e.Text }

// Kind is a sort of objects whose IDs are UUIDs.
type Kind[T any] struct {
	What string // "allocation"
	// Plural is What for several; "" adds an s.
	Plural string
	Path   string // of the list
	ID     func(T) string
	Table  func([]T) string
	Query  apiclient.Query
	// Name is the field of a name that they have beside their ID, which finds
	// them too; "" when they have none.
	Name string
}

// any names one or more.
func (k Kind[T]) any() string {
	if k.Plural != "" {
		return k.Plural
	}
	return k.What + "(s)"
}

func (k Kind[T]) plural() string {
	if k.Plural != "" {
		return k.Plural
	}
	return k.What + "s"
}

// Match finds the object whose ID starts with prefix, or that is called so.
func Match[T any](ctx context.Context, c *Call, prefix string, kind Kind[T]) (T, error) {
	var none T
	if len(prefix) < prefixMin {
		return none, Usagef("An ID of %s needs at least %d characters", article(kind.What), prefixMin)
	}
	client, err := c.Client()
	if err != nil {
		return none, err
	}
	list := func(q apiclient.Query) ([]T, error) {
		found, _, err := apiclient.Get[[]T](ctx, client, kind.Path, &q)
		if err != nil {
			return nil, fmt.Errorf("looking for %s %q: %w", kind.What, prefix, err)
		}
		return found, nil
	}
	var found []T
	if digits := strings.ReplaceAll(prefix, "-", ""); strings.Trim(digits, hexDigits) == "" {
		q := kind.Query
		q.Prefix = evenPrefix(prefix)
		if found, err = list(q); err != nil {
			return none, err
		}
		found = slices.DeleteFunc(found, func(f T) bool {
			return !strings.HasPrefix(strings.ReplaceAll(kind.ID(f), "-", ""), strings.ToLower(digits))
		})
	}
	if len(found) == 0 && kind.Name != "" && !strings.Contains(prefix, `"`) {
		q := kind.Query
		q.Filter = fmt.Sprintf(`%s == "%s"`, kind.Name, prefix)
		if found, err = list(q); err != nil {
			return none, err
		}
	}
	switch len(found) {
	case 0:
		return none, fmt.Errorf("no %s with prefix or ID %q found", kind.any(), prefix)
	case 1:
		return found[0], nil
	}
	return none, &MatchError{Text: fmt.Sprintf("prefix %q matches several %s\n\n%s", prefix, kind.plural(), kind.Table(found))}
}

// hexDigits is what IDs are written in.
const hexDigits = "0123456789abcdefABCDEF"

// evenPrefix drops the last digit when their number is odd: servers look for
// whole bytes.
func evenPrefix(prefix string) string {
	digits := len(prefix) - strings.Count(prefix, "-")
	return prefix[:len(prefix)-digits%2]
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// Alloc finds the allocation whose ID starts with prefix, and works in its
// namespace from then on.
func (c *Call) Alloc(ctx context.Context, prefix string) (*nl.AllocStub, error) {
	stub, err := Match(ctx, c, prefix, Kind[*nl.AllocStub]{
		What: "allocation", Path: "/v1/allocations",
		ID:    func(a *nl.AllocStub) string { return a.ID },
		Table: func(list []*nl.AllocStub) string { return c.AllocTable(list, true) },
	})
	if err == nil {
		_, err = c.Within("", stub.Namespace)
	}
	return stub, err
}

// Node finds the node whose ID starts with prefix, or whose name it is.
func (c *Call) Node(ctx context.Context, prefix string) (*nl.NodeStub, error) {
	return Match(ctx, c, prefix, Kind[*nl.NodeStub]{
		What: "node", Path: "/v1/nodes", Name: "Name",
		ID: func(n *nl.NodeStub) string { return n.ID },
		Table: func(list []*nl.NodeStub) string {
			t := render.NewTable("ID", "Node Pool", "DC", "Name", "Class", "Drain", "Eligibility", "Status")
			for _, n := range list {
				t.Row(n.ID, n.NodePool, n.Datacenter, n.Name, n.NodeClass, fmt.Sprint(n.Drain), n.SchedulingEligibility, n.Status)
			}
			return t.String()
		},
	})
}

// Eval finds the evaluation whose ID starts with prefix, and works in its
// namespace from then on.
func (c *Call) Eval(ctx context.Context, prefix string) (*nl.Eval, error) {
	eval, err := Match(ctx, c, prefix, Kind[*nl.Eval]{
		What: "evaluation", Path: "/v1/evaluations",
		ID:    func(e *nl.Eval) string { return e.ID },
		Table: func(list []*nl.Eval) string { return EvalTable(list, c.AllNamespaces(), true) },
	})
	if err == nil {
		_, err = c.Within("", eval.Namespace)
	}
	return eval, err
}

// Deployment finds the deployment whose ID starts with prefix, and works in
// its namespace from then on.
func (c *Call) Deployment(ctx context.Context, prefix string) (*nl.Deployment, error) {
	d, err := c.findDeployment(ctx, prefix)
	if err == nil {
		_, err = c.Within("", d.Namespace)
	}
	return d, err
}

func (c *Call) findDeployment(ctx context.Context, prefix string) (*nl.Deployment, error) {
	if len(prefix) != idLength {
		return Match(ctx, c, prefix, Kind[*nl.Deployment]{
			What: "deployment", Path: "/v1/deployments",
			ID:    func(d *nl.Deployment) string { return d.ID },
			Table: func(list []*nl.Deployment) string { return DeploymentTable(list, true) },
		})
	}
	client, err := c.Client()
	if err != nil {
		return nil, err
	}
	d, _, err := apiclient.Get[*nl.Deployment](ctx, client, "/v1/deployment/"+prefix, nil)
	if apiclient.CodeOf(err) == http.StatusNotFound {
		return nil, fmt.Errorf("no deployment(s) with prefix or ID %q found", prefix)
	}
	return d, err
}

// Name finds the object that a name or the start of one means, for kinds whose
// names are not IDs: an exact name wins.
func Name[T any](ctx context.Context, c *Call, prefix string, kind Kind[T]) (T, error) {
	var none T
	client, err := c.Client()
	if err != nil {
		return none, err
	}
	q := kind.Query
	q.Prefix = prefix
	found, _, err := apiclient.Get[[]T](ctx, client, kind.Path, &q)
	if err != nil {
		return none, fmt.Errorf("looking for %s %q: %w", kind.What, prefix, err)
	}
	for _, f := range found {
		if kind.ID(f) == prefix {
			return f, nil
		}
	}
	switch len(found) {
	case 0:
		return none, fmt.Errorf("no %s with name or prefix %q found", kind.What, prefix)
	case 1:
		return found[0], nil
	}
	return none, &MatchError{Text: fmt.Sprintf("prefix %q matches several %s\n\n%s", prefix, kind.plural(), kind.Table(found))}
}
