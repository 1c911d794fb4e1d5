package spec

import "time"

// canonicalService fills a service; task is nil for a service of the group.
func canonicalService(job, group, task, s object) {
	if s["Name"] == "" {
		name := str(job, "Name") + "-" + str(group, "Name")
		if task != nil {
			name += "-" + str(task, "Name")
		}
		s["Name"] = name
	}
	setIfZero(s, object{"AddressMode": "auto", "OnUpdate": "require_healthy", "Provider": "consul", "Cluster": "default"})
	nilIfEmpty(s, "Meta", "CanaryMeta", "TaggedAddresses")
	restart := child(s, "CheckRestart")
	canonicalCheckRestart(restart)
	for _, c := range list(s, "Checks") {
		for _, key := range []string{"SuccessBeforePassing", "FailuresBeforeCritical", "FailuresBeforeWarning"} {
			if n, _ := c[key].(int64); n < 0 {
				c[key] = int64(0)
			}
		}
		setIfZero(c, object{"OnUpdate": s["OnUpdate"]})
		c["CheckRestart"] = mergeCheckRestart(restart, child(c, "CheckRestart"))
	}
	if w := child(s, "Weights"); w != nil {
		for _, key := range []string{"Passing", "Warning"} {
			if n, _ := w[key].(int64); n <= 0 {
				w[key] = int64(1)
			}
		}
	}
	if c := child(s, "Connect"); c != nil {
		canonicalConnect(c)
	}
}

func canonicalCheckRestart(r object) {
	if r != nil {
		fill(r, object{"Grace": dur(time.Second)})
	}
}

// mergeCheckRestart lays the check's block over the service's: only values that
// say something win.
func mergeCheckRestart(service, check object) any {
	if service == nil && check == nil {
		return nil
	}
	out := clone(service)
	if out == nil {
		out = object{"Limit": int64(0), "IgnoreWarnings": false}
	}
	if n, _ := check["Limit"].(int64); n > 0 {
		out["Limit"] = n
	}
	if check["Grace"] != nil {
		out["Grace"] = check["Grace"]
	}
	if check["IgnoreWarnings"] == true {
		out["IgnoreWarnings"] = true
	}
	canonicalCheckRestart(out)
	return out
}

func canonicalConnect(c object) {
	if s := child(c, "SidecarService"); s != nil {
		nilIfEmpty(s, "Tags", "Meta")
		if p := child(s, "Proxy"); p != nil {
			canonicalProxy(p)
		}
	}
	if t := child(c, "SidecarTask"); t != nil {
		canonicalSidecarTask(t)
	}
	if g := child(c, "Gateway"); g != nil {
		canonicalGateway(g)
	}
}

func canonicalProxy(p object) {
	if p["Expose"] == nil {
		p["Expose"] = p["ExposeConfig"]
	}
	p["ExposeConfig"] = nil
	if e := child(p, "Expose"); e != nil {
		if isEmptyList(e, "Paths") {
			e["Paths"] = e["Path"]
		}
		e["Path"] = nil
		nilIfEmpty(e, "Paths")
	}
	nilIfEmpty(p, "Upstreams", "Config")
	for _, u := range list(p, "Upstreams") {
		nilIfEmpty(u, "Config")
	}
}

func canonicalSidecarTask(t object) {
	nilIfEmpty(t, "Config", "Env", "Meta")
	if r := child(t, "Resources"); r != nil {
		canonicalResources(r)
	}
	t["LogConfig"] = canonicalLogs(child(t, "LogConfig"))
	canonicalMounts(t)
	fill(t, object{"KillTimeout": dur(defaultKillTimeout), "ShutdownDelay": int64(0)})
}

func canonicalGateway(g object) {
	if p := child(g, "Proxy"); p != nil {
		fill(p, object{"ConnectTimeout": dur(5 * time.Second)})
		nilIfEmpty(p, "EnvoyGatewayBindAddresses", "Config")
	}
	if in := child(g, "Ingress"); in != nil {
		for _, l := range list(in, "Listeners") {
			setIfZero(l, object{"Protocol": "tcp"})
			for _, s := range list(l, "Services") {
				nilIfEmpty(s, "Hosts")
			}
		}
	}
	if t := child(g, "Terminating"); t != nil {
		nilIfEmpty(t, "Services")
	}
}
