package jobspec

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// finishers finds what remains to be done to a block of a shape once its
// attributes and blocks are known.
func finishers(shape string) func(object) {
	switch shape {
	case "constraint":
		return finishConstraint
	case "affinity":
		return finishAffinity
	case "periodic":
		return finishPeriodic
	case "network":
		return finishNetwork
	case "template":
		return finishTemplate
	case "change_script":
		return finishChangeScript
	case "vault", "group_vault":
		return finishVault
	case "task":
		return finishTask
	case "resources":
		return finishResources
	}
	return nil
}

// fill sets the members of defaults that o does not say.
func fill(o, defaults object) {
	for k, v := range defaults {
		if o[k] == nil {
			o[k] = v
		}
	}
}

// objects is the list of blocks in a field.
func objects(o object, field string) []object {
	list, _ := o[field].([]any)
	out := make([]object, 0, len(list))
	for _, e := range list {
		if b, ok := e.(object); ok {
			out = append(out, b)
		}
	}
	return out
}

// take removes a field that only parsing knows.
func take(o object, field string) any {
	v := o[field]
	delete(o, field)
	return v
}

// shorthands applies arguments named like an operator, the last one winning.
func shorthands(o object, operators ...string) {
	for _, op := range operators {
		if v := take(o, "@"+op); v != nil {
			o["Operand"], o["RTarget"] = op, v
			alsoAt(o, "@"+op, "Operand", "RTarget")
		}
	}
}

func finishConstraint(o object) {
	delete(o, "@ignored")
	shorthands(o, "version", "semver", "regexp", "set_contains")
	if v, ok := take(o, "@distinct_hosts").(bool); ok {
		o["Operand"], o["RTarget"] = "distinct_hosts", strconv.FormatBool(v)
		alsoAt(o, "@distinct_hosts", "Operand", "RTarget")
	}
	if v := take(o, "@distinct_property"); v != nil {
		o["Operand"], o["LTarget"] = "distinct_property", v
		alsoAt(o, "@distinct_property", "Operand", "LTarget")
	}
	fill(o, object{"Operand": "="})
}

func finishAffinity(o object) {
	shorthands(o, "version", "semver", "regexp", "set_contains_any", "set_contains_all", "set_contains")
	fill(o, object{"Operand": "="})
}

func finishPeriodic(o object) {
	if o["Spec"] != nil || o["Specs"] != nil {
		o["SpecType"] = "cron"
	}
}

// finishNetwork sorts ports by whether their number is fixed. Ports replace
// the reserved ports written as such.
func finishNetwork(o object) {
	var static, dynamic []any
	for _, port := range objects(o, "@port") {
		if n, _ := port["Value"].(int64); n > 0 {
			static = append(static, port)
		} else {
			dynamic = append(dynamic, port)
		}
	}
	if ports := take(o, "@port"); ports == nil {
		return
	}
	delete(o, "ReservedPorts")
	if static != nil {
		o["ReservedPorts"] = static
	}
	if dynamic != nil {
		o["DynamicPorts"] = dynamic
	}
}

// finishResources tells thousandths of a core from MHz.
func finishResources(o object) {
	if n, ok := o["CPU"].(millis); ok {
		delete(o, "CPU")
		o["CPUMillis"] = int64(n)
	}
}

func finishTemplate(o object) {
	fill(o, object{
		"ChangeMode": "restart", "Perms": "0644", "Splay": int64(5 * time.Second), "ErrMissingKey": false,
	})
}

func finishChangeScript(o object) {
	fill(o, object{
		"Args": []any{}, "Timeout": int64(5 * time.Second), "FailOnError": false, "RunOnFirstRender": false,
	})
}

func finishVault(o object) {
	fill(o, object{"Env": true, "DisableFile": false, "ChangeMode": "restart"})
}

// finishTask moves the first default identity out of the list.
func finishTask(o object) {
	for _, policy := range objects(o, "ScalingPolicies") {
		delete(policy, "@label")
	}
	list := objects(o, "Identities")
	i := slices.IndexFunc(list, func(id object) bool {
		name, _ := id["Name"].(string)
		return name == "" || name == "default"
	})
	if i < 0 {
		return
	}
	o["Identity"] = list[i]
	rest := []any{}
	for j, id := range list {
		if j != i {
			rest = append(rest, id)
		}
	}
	o["Identities"] = rest
}

// finishJob names the job after its label, gives groups and tasks what blocks
// further out say for all of them, and makes groups of the tasks that are
// written directly in the job.
func finishJob(job object, label string) {
	fill(job, object{"ID": label, "Name": label})
	vault, secrets := take(job, "@vault"), objects(job, "@secret")
	delete(job, "@secret")
	var groups []any
	for _, task := range objects(job, "@task") {
		group := object{"Name": task["Name"], "Tasks": []any{task}}
		writtenAs(group, task)
		groups = append(groups, group)
	}
	delete(job, "@task")
	for _, group := range objects(job, "TaskGroups") {
		inheritGroup(group)
		groups = append(groups, group)
	}
	if groups == nil {
		return
	}
	job["TaskGroups"] = groups
	for _, group := range objects(job, "TaskGroups") {
		for _, task := range objects(group, "Tasks") {
			inherit(task, vault, secrets)
		}
	}
}

// inheritGroup gives the tasks of a group what the group says for them.
func inheritGroup(group object) {
	vault, secrets := take(group, "@vault"), objects(group, "@secret")
	delete(group, "@secret")
	for _, task := range objects(group, "Tasks") {
		inherit(task, vault, secrets)
	}
}

// inherit gives a task the vault block, unless it has one, and the secrets
// from further out.
func inherit(task object, vault any, secrets []object) {
	if v, ok := vault.(object); ok && task["Vault"] == nil {
		task["Vault"] = maps.Clone(v)
	}
	for _, s := range secrets {
		list, _ := task["Secrets"].([]any)
		task["Secrets"] = append(list, maps.Clone(s))
	}
}
