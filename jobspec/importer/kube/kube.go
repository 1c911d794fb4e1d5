// Package kube reads Kubernetes manifests: workloads, and the services,
// configuration and ingresses that belong to them. It decodes them into the
// types of the Kubernetes API itself. The importer calls it. It reads no files
// and speaks to no cluster.
package kube

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	scalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
	"github.com/nomadlike/nomadlike/jobspec/importer/source"
)

//go:embed fields.txt
var fieldRules string

// known are the rules, which never change.
var known = sync.OnceValue(func() source.Rules { return source.MustRules(fieldRules) })

// workload is anything that runs pods.
type workload struct {
	*raw
	meta metav1.ObjectMeta
	pod  corev1.PodTemplateSpec
	// at is where the pod lies in the manifest.
	at []string
	// fill adds what only this kind of workload has.
	fill func(j *outline.Job, g *outline.Group)
	// claims are volumes that each instance has one of.
	claims []corev1.PersistentVolumeClaim
}

// raw is an object as it was read, and the job and place that its notes go to.
type raw struct {
	kind, name string
	value      any
	job        *outline.Job
	place      *outline.Notes
}

// use tells that a job is made with an object.
func (r *raw) use(j *outline.Job, place *outline.Notes) {
	if r != nil && r.job == nil {
		r.job, r.place = j, place
	}
}

// kept is an object that workloads use.
type kept[T any] struct {
	*raw
	object T
}

// Reader collects manifests, of one file or of many.
type Reader struct {
	rules     source.Rules
	objects   []*raw
	workloads []workload
	services  []kept[corev1.Service]
	configs   map[string]kept[corev1.ConfigMap]
	secrets   map[string]kept[corev1.Secret]
	claims    map[string]kept[corev1.PersistentVolumeClaim]
	ingresses []kept[netv1.Ingress]
	scalers   []kept[scalingv2.HorizontalPodAutoscaler]
	skipped   outline.Notes
}

// New makes a reader that has read nothing.
func New() *Reader {
	return &Reader{
		rules: known(), configs: map[string]kept[corev1.ConfigMap]{},
		secrets: map[string]kept[corev1.Secret]{}, claims: map[string]kept[corev1.PersistentVolumeClaim]{},
	}
}

// Add reads the manifests of a file.
func (r *Reader) Add(body []byte) (problems []error) {
	trees, err := source.Parse(body)
	if err != nil {
		return []error{err}
	}
	for _, t := range trees {
		if err := r.document(t, t.Value, nil); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

// document reads an object, or the list of objects at a path.
func (r *Reader) document(t *source.Tree, value any, at []string) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var head struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
		Items             []any `json:"items"`
	}
	if err := t.DecodeValue(body, &head, at...); err != nil {
		return err
	}
	if head.Kind == "" {
		return &source.Error{Line: t.Line(at...), Text: "the manifest has no kind; give it one, or leave it out"}
	}
	if strings.HasSuffix(head.Kind, "List") && len(head.Items) > 0 {
		for i, item := range head.Items {
			if err := r.document(t, item, append(at[:len(at):len(at)], "items", strconv.Itoa(i))); err != nil {
				return err
			}
		}
		return nil
	}
	if r.objects = append(r.objects, &raw{kind: head.Kind, name: head.Name, value: value}); len(r.objects) > objectsMax {
		return &source.Error{Text: fmt.Sprintf("there are more than %d manifests; import them in parts", objectsMax)}
	}
	d := document{r: r, tree: t, at: at, body: body, raw: r.objects[len(r.objects)-1]}
	return d.read()
}

// objectsMax bounds the manifests of one import.
const objectsMax = 2000

// document is a manifest that is being read.
type document struct {
	*raw
	r    *Reader
	tree *source.Tree
	at   []string
	body []byte
}

// decode reads the manifest. Fields that are not known are accounted for later.
func decode[T any](d document) (T, error) {
	var out T
	err := d.tree.DecodeValue(d.body, &out, d.at...)
	var at *source.Error
	if errors.As(err, &at) {
		at.Text = fmt.Sprintf("%s %q: %s", d.kind, d.name, at.Text)
	}
	return out, err
}

// keep reads the manifest of an object that workloads use.
func keep[T any](d document, add func(kept[T])) error {
	object, err := decode[T](d)
	if err == nil {
		add(kept[T]{d.raw, object})
	}
	return err
}

func (d document) read() error {
	r := d.r
	switch d.kind {
	case "Service":
		return keep(d, func(s kept[corev1.Service]) { r.services = append(r.services, s) })
	case "ConfigMap":
		return keep(d, func(c kept[corev1.ConfigMap]) { r.configs[c.object.Namespace+"/"+c.object.Name] = c })
	case "Secret":
		return keep(d, func(s kept[corev1.Secret]) { r.secrets[s.object.Namespace+"/"+s.object.Name] = s })
	case "PersistentVolumeClaim":
		return keep(d, func(c kept[corev1.PersistentVolumeClaim]) { r.claims[c.object.Namespace+"/"+c.object.Name] = c })
	case "Ingress":
		return keep(d, func(i kept[netv1.Ingress]) { r.ingresses = append(r.ingresses, i) })
	case "HorizontalPodAutoscaler":
		return keep(d, func(h kept[scalingv2.HorizontalPodAutoscaler]) { r.scalers = append(r.scalers, h) })
	case "Namespace":
		r.skipped.Check("the namespace %s must be there: nomadlike namespace apply %s", d.name, d.name)
		d.raw.job = &outline.Job{}
		return nil
	}
	return d.workload()
}

func (d document) workload() (err error) {
	r := d.r
	switch d.kind {
	case "Deployment":
		var o appsv1.Deployment
		if o, err = decode[appsv1.Deployment](d); err == nil {
			r.deployment(d.raw, o)
		}
	case "ReplicaSet":
		var o appsv1.ReplicaSet
		if o, err = decode[appsv1.ReplicaSet](d); err == nil {
			spec := appsv1.DeploymentSpec{Replicas: o.Spec.Replicas, Template: o.Spec.Template, MinReadySeconds: o.Spec.MinReadySeconds}
			r.deployment(d.raw, appsv1.Deployment{ObjectMeta: o.ObjectMeta, Spec: spec})
		}
	case "StatefulSet":
		var o appsv1.StatefulSet
		if o, err = decode[appsv1.StatefulSet](d); err == nil {
			r.statefulSet(d.raw, o)
		}
	case "DaemonSet":
		var o appsv1.DaemonSet
		if o, err = decode[appsv1.DaemonSet](d); err == nil {
			r.daemonSet(d.raw, o)
		}
	case "Job":
		var o batchv1.Job
		if o, err = decode[batchv1.Job](d); err == nil {
			r.batch(d.raw, o.ObjectMeta, o.Spec, nil)
		}
	case "CronJob":
		var o batchv1.CronJob
		if o, err = decode[batchv1.CronJob](d); err == nil {
			r.batch(d.raw, o.ObjectMeta, o.Spec.JobTemplate.Spec, &o.Spec)
		}
	case "Pod":
		var o corev1.Pod
		if o, err = decode[corev1.Pod](d); err == nil {
			r.pod(d.raw, o)
		}
	}
	return err
}

// add keeps a workload.
func (r *Reader) add(w workload, kind string) {
	w.job = &outline.Job{Name: outline.Name(w.meta.Name, "app"), Type: kind, Meta: map[string]string{}}
	w.place = &w.job.Notes
	for k, v := range w.meta.Labels {
		w.job.Meta[outline.Label(k, "label")] = v
	}
	if ns := w.meta.Namespace; ns != "" && ns != "default" {
		w.job.Namespace = outline.Name(ns, "default")
	}
	r.workloads = append(r.workloads, w)
}

// Jobs gives a job for each workload that was read.
func (r *Reader) Jobs() []*outline.Job {
	var jobs []*outline.Job
	targets := map[string]outline.Target{}
	taken := map[string]bool{}
	var pods []*pod
	for i := range r.workloads {
		w := &r.workloads[i]
		w.job.Name = outline.Unique(taken, w.job.Name)
		g := &outline.Group{Name: outline.Name(w.meta.Name, "group"), Count: 1}
		w.job.Groups = []*outline.Group{g}
		p := &pod{r: r, w: w, g: g, spec: w.pod.Spec}
		pods = append(pods, p)
		p.read()
		if w.fill != nil {
			w.fill(w.job, g)
		}
		r.expose(p, targets)
		jobs = append(jobs, w.job)
	}
	outline.Link(jobs, targets)
	for _, p := range pods {
		p.probes()
		r.ingress(p)
		r.scale(p)
	}
	if len(jobs) > 0 {
		r.account(jobs[0], pods)
	}
	return jobs
}

// account tells what was not carried over of each object. What no workload uses
// is noted at the first job.
func (r *Reader) account(first *outline.Job, pods []*pod) {
	places := map[*raw]*pod{}
	for _, p := range pods {
		places[p.w.raw] = p
	}
	for _, o := range r.objects {
		if o.place == nil {
			if o.job == nil {
				first.Lost("the %s %s, which no job is made of", o.kind, o.name)
			}
			continue
		}
		object := r.rules.Object(o.kind, o.name, o.value, o.place)
		if p := places[o]; p != nil {
			p.places(object)
			o.job.Of = object.Source
		} else {
			object.Foreign = true
		}
		o.job.Sources = append(o.job.Sources, object.Source)
		object.Account()
	}
	first.Notes.List = append(first.Notes.List, r.skipped.List...)
}

// places sends notes on containers to their tasks.
func (p *pod) places(o *source.Object) {
	for i, t := range p.g.Tasks {
		kind, n := "initContainers", i
		if first := len(p.spec.InitContainers); i >= first {
			kind, n = "containers", i-first
		}
		o.Place(&t.Notes, append(p.w.at[:len(p.w.at):len(p.w.at)], kind, strconv.Itoa(n))...)
	}
	if len(p.w.at) > 1 { // above it stands what is the job's own
		o.Place(&p.g.Notes, p.w.at...)
	}
}

// expose puts the Kubernetes services that select a pod into the catalogue.
func (r *Reader) expose(p *pod, targets map[string]outline.Target) {
	for _, kept := range r.services {
		s := kept.object
		if len(s.Spec.Selector) == 0 || s.Namespace != p.w.meta.Namespace || !selects(s.Spec.Selector, p.w.pod.Labels) {
			continue
		}
		kept.use(p.w.job, &p.g.Notes)
		t := outline.Target{Group: p.g, Service: outline.Name(s.Name, "service"), Ports: map[int]int{}}
		for i, port := range s.Spec.Ports {
			to := p.portNumber(port.TargetPort.StrVal, int(port.TargetPort.IntVal))
			if to == 0 {
				to = int(port.Port)
			}
			known := p.g.PortLabel(port.Name, to)
			if known == nil {
				continue
			}
			p.publish(known)
			entry := p.g.Expose(t.Service, known)
			t.Ports[int(port.Port)] = to
			if s.Spec.Type == corev1.ServiceTypeNodePort && port.NodePort > 0 && port.NodePort <= 65535 && known.Static == 0 {
				known.Static = int(port.NodePort)
				known.Check("the port was open on every node; here it is on those that run an instance")
				continue
			}
			if i == 0 && (s.Spec.Type == corev1.ServiceTypeLoadBalancer || s.Spec.Type == corev1.ServiceTypeNodePort) {
				entry.Lost("the service was of type %s: reach it through a proxy that reads the catalogue, or give the port a static number", s.Spec.Type)
			}
		}
		ns := s.Namespace
		if ns == "" {
			ns = "default"
		}
		for _, host := range []string{s.Name, s.Name + "." + ns, s.Name + "." + ns + ".svc", s.Name + "." + ns + ".svc.cluster.local"} {
			targets[host] = t
		}
	}
}

func selects(selector, labels map[string]string) bool {
	for k, v := range selector {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// ingress makes tags for a proxy out of the rules that lead to a pod.
func (r *Reader) ingress(p *pod) {
	for _, kept := range r.ingresses {
		in := kept.object
		for _, rule := range in.Spec.Rules {
			if rule.HTTP == nil || in.Namespace != p.w.meta.Namespace {
				continue
			}
			for i, path := range rule.HTTP.Paths {
				if path.Backend.Service == nil {
					continue
				}
				name := r.entry(p, path.Backend.Service)
				for _, s := range p.g.Services {
					if s.Name == name {
						router := outline.Name(fmt.Sprintf("%s-%s-%d", in.Name, rule.Host, i), "router")
						if !slices.Contains(s.Tags, "traefik.enable=true") {
							s.Tags = append(s.Tags, "traefik.enable=true")
							s.Check("the ingress %s became tags that Traefik reads", in.Name)
						}
						s.Tags = append(s.Tags, "traefik.http.routers."+router+".rule="+match(rule.Host, path))
						kept.use(p.w.job, &s.Notes)
					}
				}
			}
		}
	}
}

// entry is the name in the catalogue of the port of a service that an ingress
// leads to.
func (r *Reader) entry(p *pod, backend *netv1.IngressServiceBackend) string {
	name := outline.Name(backend.Name, "service")
	for _, kept := range r.services {
		if kept.object.Name != backend.Name || kept.object.Namespace != p.w.meta.Namespace {
			continue
		}
		for _, port := range kept.object.Spec.Ports {
			if port.Name != backend.Port.Name && port.Port != backend.Port.Number {
				continue
			}
			to := p.portNumber(port.TargetPort.StrVal, int(port.TargetPort.IntVal))
			for _, known := range p.g.Ports {
				for _, s := range p.g.Services {
					if known.To == max(to, 1) && s.Port == known.Label && (s.Name == name || strings.HasPrefix(s.Name, name+"-")) {
						return s.Name
					}
				}
			}
		}
	}
	return name
}

func match(host string, in netv1.HTTPIngressPath) string {
	var out []string
	if host != "" {
		out = append(out, "Host(`"+host+"`)")
	}
	switch path := in.Path; {
	case in.PathType != nil && *in.PathType == netv1.PathTypeExact:
		out = append(out, "Path(`"+path+"`)")
	case path != "" && path != "/" || host == "":
		out = append(out, "PathPrefix(`"+path+"`)")
	}
	return strings.Join(out, " && ")
}

func (r *Reader) scale(p *pod) {
	for _, kept := range r.scalers {
		h := kept.object
		if h.Spec.ScaleTargetRef.Name != p.w.meta.Name || h.Namespace != p.w.meta.Namespace {
			continue
		}
		kept.use(p.w.job, &p.g.Notes)
		s := &outline.Scaling{Min: 1, Max: int(h.Spec.MaxReplicas)}
		if h.Spec.MinReplicas != nil {
			s.Min = int(*h.Spec.MinReplicas)
		}
		if s.Min < 0 || s.Max < s.Min || s.Max > replicasMax {
			p.g.Lost("the autoscaler %s, whose bounds %d to %d are not valid", h.Name, s.Min, s.Max)
			continue
		}
		p.g.Count = min(max(p.g.Count, s.Min), s.Max)
		p.g.Scaling = s
		if kept.place == &p.g.Notes {
			kept.place = &s.Notes
		}
	}
}

// keys are those of a configuration, in order.
func keys(c corev1.ConfigMap) map[string]string {
	out := maps.Clone(c.Data)
	if out == nil {
		out = map[string]string{}
	}
	for k, v := range c.BinaryData {
		out[k] = string(v)
	}
	return out
}
