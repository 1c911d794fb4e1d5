package spec

import (
	"path"
	"time"
)

// DefaultPriority is the priority of a job that says none, where the server
// does not configure another.
const DefaultPriority = 50

// Defaults of the job specification that several shapes share.
const (
	defaultKillTimeout   = 5 * time.Second
	defaultLogFiles      = 10
	defaultLogFileMB     = 10
	defaultDiskMB        = 300
	defaultCPUMHz        = 100
	defaultMemoryMB      = 300
	defaultWeight        = 50
	defaultTemplatePerms = "0644"
	defaultChangeSignal  = "SIGHUP"
)

// Job types, as far as defaults depend on them.
const (
	typeService  = "service"
	typeBatch    = "batch"
	typeSystem   = "system"
	typeSysBatch = "sysbatch"
)

// Canonicalize fills in, outside-in, what the document does not say: the job's
// own members, then each group with what it inherits from the job, then the
// tasks with what they inherit from their group. The document is changed in
// place. It is what client tools and the parse endpoint show; admission adds
// what depends on the server.
func Canonicalize(doc Document) {
	Complete(doc)
	job := object(doc)
	fill(job, object{
		"Region": "global", "Namespace": "default", "Type": typeService,
		"ParentID": "", "AllAtOnce": false, "NodePool": "",
		"ConsulNamespace": "", "VaultNamespace": "", "NomadTokenID": "",
		"Status": "", "StatusDescription": "", "Stop": false, "Stable": false,
		"Priority": int64(DefaultPriority), "Version": int64(0), "CreateIndex": int64(0),
		"ModifyIndex": int64(0), "JobModifyIndex": int64(0), "ID": "",
	})
	if job["Name"] == nil {
		job["Name"] = job["ID"]
	}
	if p := child(job, "Periodic"); p != nil {
		canonicalPeriodic(p)
	}
	jobType := str(job, "Type")
	if u := child(job, "Update"); u != nil {
		fill(u, updateDefaults())
	} else if jobType == typeService || jobType == typeSystem {
		job["Update"] = updateDefaults()
	}
	if m := child(job, "Multiregion"); m != nil {
		canonicalMultiregion(m)
	}
	for _, group := range list(job, "TaskGroups") {
		canonicalGroup(job, group)
	}
	canonicalWeights(job)
	Complete(doc)
}

func canonicalPeriodic(p object) {
	fill(p, object{
		"Enabled": true, "Spec": "", "Specs": []any{}, "SpecType": "cron",
		"ProhibitOverlap": false, "TimeZone": "UTC",
	})
	if p["TimeZone"] == "" {
		p["TimeZone"] = "UTC"
	}
}

func canonicalMultiregion(m object) {
	if m["Strategy"] == nil {
		m["Strategy"] = object{}
	}
	fill(child(m, "Strategy"), object{"MaxParallel": int64(0), "OnFailure": ""})
	if m["Regions"] == nil {
		m["Regions"] = []any{}
	}
	for _, r := range list(m, "Regions") {
		fill(r, object{"Count": int64(1), "Datacenters": []any{}, "Meta": object{}})
	}
}

func updateDefaults() object {
	return object{
		"Stagger": dur(30 * time.Second), "MaxParallel": int64(1), "HealthCheck": "checks",
		"MinHealthyTime": dur(10 * time.Second), "HealthyDeadline": dur(5 * time.Minute),
		"ProgressDeadline": dur(10 * time.Minute), "AutoRevert": false,
		"AutoPromote": false, "Canary": int64(0),
	}
}

func migrateDefaults() object {
	return object{
		"MaxParallel": int64(1), "HealthCheck": "checks",
		"MinHealthyTime": dur(10 * time.Second), "HealthyDeadline": dur(5 * time.Minute),
	}
}

func rebalanceDefaults(jobType string) object {
	return object{
		"Enabled": jobType != typeBatch, "MaxParallel": int64(1), "Interval": dur(time.Hour),
		"OnNodeJoin": true, "MinGain": 0.05,
	}
}

// rescheduleDefaults is the policy of a job type; types that do not reschedule
// get one that is off.
func rescheduleDefaults(jobType string) object {
	switch jobType {
	case typeService:
		return object{
			"Attempts": int64(0), "Interval": int64(0), "Delay": dur(30 * time.Second),
			"DelayFunction": "exponential", "MaxDelay": dur(time.Hour), "Unlimited": true,
		}
	case typeBatch:
		return object{
			"Attempts": int64(1), "Interval": dur(24 * time.Hour), "Delay": dur(5 * time.Second),
			"DelayFunction": "constant", "MaxDelay": int64(0), "Unlimited": false,
		}
	}
	return object{
		"Attempts": int64(0), "Interval": int64(0), "Delay": int64(0),
		"DelayFunction": "", "MaxDelay": int64(0), "Unlimited": false,
	}
}

func restartDefaults(jobType string) object {
	p := object{
		"Attempts": int64(3), "Interval": dur(24 * time.Hour), "Delay": dur(15 * time.Second),
		"Mode": "fail", "RenderTemplates": false,
	}
	if jobType == typeService || jobType == typeSystem {
		p["Attempts"], p["Interval"] = int64(2), dur(30*time.Minute)
	}
	return p
}

// canonicalGroup fills one group from the job around it.
func canonicalGroup(job, group object) {
	jobType := str(job, "Type")
	if group["Name"] == nil {
		group["Name"] = ""
	}
	scaling := child(group, "Scaling")
	if group["Count"] == nil {
		group["Count"] = int64(1)
		if scaling != nil && scaling["Min"] != nil {
			group["Count"] = scaling["Min"]
		}
	}
	if scaling != nil {
		fill(scaling, object{"Enabled": true, "Min": group["Count"]})
	}
	disk := child(group, "EphemeralDisk")
	if disk == nil {
		disk = object{}
		group["EphemeralDisk"] = disk
	}
	fill(disk, object{"Sticky": false, "Migrate": false, "SizeMB": int64(defaultDiskMB)})
	canonicalConsul(group)
	if update := merge(inheritable(child(job, "Update")), child(group, "Update")); update != nil {
		fill(update, updateDefaults())
		group["Update"] = update
	} else if jobType == typeService || jobType == typeSystem {
		group["Update"] = updateDefaults()
	}
	reschedule := merge(child(job, "Reschedule"), child(group, "ReschedulePolicy"))
	if reschedule != nil || jobType != typeSystem && jobType != typeSysBatch {
		if reschedule == nil {
			reschedule = object{}
		}
		fill(reschedule, rescheduleDefaults(jobType))
		group["ReschedulePolicy"] = reschedule
	}
	migrate := merge(child(job, "Migrate"), child(group, "Migrate"))
	if migrate == nil && jobType == typeService {
		migrate = object{}
	}
	if migrate != nil {
		fill(migrate, migrateDefaults())
		group["Migrate"] = migrate
	}
	if rebalance := merge(child(job, "Rebalance"), child(group, "Rebalance")); rebalance != nil {
		fill(rebalance, rebalanceDefaults(jobType))
		group["Rebalance"] = rebalance
	}
	group["RestartPolicy"] = merge(restartDefaults(jobType), child(group, "RestartPolicy"))
	for _, task := range list(group, "Tasks") {
		canonicalTask(job, group, task)
	}
	canonicalWeights(group)
	for _, n := range list(group, "Networks") {
		canonicalNetwork(n)
	}
	for _, s := range list(group, "Services") {
		canonicalService(job, group, nil, s)
	}
	if d := child(group, "Disconnect"); d != nil {
		fill(d, object{"Replace": true, "Reconcile": "best_score"})
	}
}

// inheritable is the job's update block unless it turns updates off and says
// nothing else.
func inheritable(update object) object {
	for _, v := range update {
		switch v {
		case nil, "", false, int64(0):
		default:
			return update
		}
	}
	return nil
}

// canonicalWeights sets the weights of affinities and spreads.
func canonicalWeights(o object) {
	for _, key := range []string{"Affinities", "Spreads"} {
		for _, a := range list(o, key) {
			fill(a, object{"Weight": int64(defaultWeight)})
		}
	}
}

func canonicalConsul(o object) {
	if c := child(o, "Consul"); c != nil {
		setIfZero(c, object{"Cluster": "default"})
	}
}

func canonicalTask(job, group, task object) {
	resources := child(task, "Resources")
	if resources == nil {
		resources = object{}
		task["Resources"] = resources
	}
	canonicalResources(resources)
	fill(task, object{"KillTimeout": dur(defaultKillTimeout)})
	task["LogConfig"] = canonicalLogs(child(task, "LogConfig"))
	for _, a := range list(task, "Artifacts") {
		canonicalArtifact(a)
	}
	if v := child(task, "Vault"); v != nil {
		fill(v, object{
			"Env": true, "DisableFile": false, "Namespace": "", "ChangeMode": "restart",
			"ChangeSignal": defaultChangeSignal, "AllowTokenExpiration": false,
		})
		setIfZero(v, object{"Cluster": "default"})
	}
	canonicalConsul(task)
	for _, t := range list(task, "Templates") {
		canonicalTemplate(t)
	}
	for _, s := range list(task, "Services") {
		canonicalService(job, group, task, s)
	}
	canonicalWeights(task)
	canonicalMounts(task)
	for _, s := range list(task, "Secrets") {
		nilIfEmpty(s, "Config", "Env")
	}
	if l := child(task, "Lifecycle"); l != nil && l["Hook"] == "" && l["Sidecar"] == false {
		task["Lifecycle"] = nil
	}
	if c := child(task, "CSIPluginConfig"); c != nil {
		setIfZero(c, object{
			"MountDir": "/csi", "StagePublishBaseDir": "/local/csi", "HealthTimeout": dur(30 * time.Second),
		})
	}
	task["RestartPolicy"] = merge(child(group, "RestartPolicy"), child(task, "RestartPolicy"))
}

func canonicalLogs(logs object) object {
	if logs == nil {
		logs = object{}
	}
	fill(logs, object{
		"MaxFiles": int64(defaultLogFiles), "MaxFileSizeMB": int64(defaultLogFileMB), "Disabled": false,
	})
	return logs
}

func canonicalMounts(task object) {
	for _, m := range list(task, "VolumeMounts") {
		fill(m, object{"ReadOnly": false, "PropagationMode": "private", "SELinuxLabel": ""})
	}
}

func canonicalResources(r object) {
	if r["CPU"] == nil {
		r["CPU"] = int64(0)
		if r["Cores"] == nil && r["CPUMillis"] == nil {
			r["CPU"] = int64(defaultCPUMHz)
		}
	}
	fill(r, object{"Cores": int64(0), "MemoryMB": int64(defaultMemoryMB)})
	for _, d := range list(r, "Devices") {
		fill(d, object{"Count": int64(1)})
		canonicalWeights(d)
	}
	if n := child(r, "NUMA"); n != nil {
		setIfZero(n, object{"Affinity": "none"})
	}
	for _, n := range list(r, "Networks") {
		canonicalNetwork(n)
	}
}

func canonicalNetwork(n object) {
	if d := child(n, "DNS"); d != nil && isEmptyList(d, "Servers") && isEmptyList(d, "Searches") && isEmptyList(d, "Options") {
		n["DNS"] = nil
	}
}

func canonicalArtifact(a object) {
	fill(a, object{"GetterMode": "any", "GetterSource": "", "GetterInsecure": false})
	nilIfEmpty(a, "GetterOptions", "GetterHeaders")
	if a["RelativeDest"] == nil {
		a["RelativeDest"] = "local/"
		if a["GetterMode"] == "file" {
			a["RelativeDest"] = path.Join("local", path.Base(str(a, "GetterSource")))
		}
	}
}

func canonicalTemplate(t object) {
	fill(t, object{
		"SourcePath": "", "DestPath": "", "EmbeddedTmpl": "", "ChangeMode": "restart",
		"Once": false, "Splay": dur(5 * time.Second), "Perms": defaultTemplatePerms,
		"LeftDelim": "{{", "RightDelim": "}}", "Envvars": false,
		"VaultGrace": int64(0), "ErrMissingKey": false,
	})
	upperCase(t, "ChangeSignal")
	if t["ChangeSignal"] == nil {
		t["ChangeSignal"] = ""
		if t["ChangeMode"] == "signal" {
			t["ChangeSignal"] = defaultChangeSignal
		}
	}
	if t["ChangeMode"] == "script" && t["ChangeScript"] == nil {
		t["ChangeScript"] = object{}
	}
	if s := child(t, "ChangeScript"); s != nil {
		fill(s, object{
			"Command": "", "Args": []any{}, "Timeout": dur(5 * time.Second),
			"FailOnError": false, "RunOnFirstRender": false,
		})
	}
}
