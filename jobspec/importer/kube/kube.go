// Package kube reads Kubernetes manifests: workloads, and the services,
// configuration and ingresses that belong to them. It decodes them into the
// types of the Kubernetes API itself. The importer calls it. It reads no files
// and speaks to no cluster.
package kube

import (
	"bytes"
	"fmt"
	"maps"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	scalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/nomadlike/nomadlike/jobspec/importer/outline"
)

// documentsMax bounds the manifests of one import.
const documentsMax = 2000

// workload is anything that runs pods.
type workload struct {
	meta metav1.ObjectMeta
	pod  corev1.PodTemplateSpec
	job  *outline.Job
	// fill adds what only this kind of workload has.
	fill func(j *outline.Job, g *outline.Group)
	// claims are volumes that each instance has one of.
	claims []corev1.PersistentVolumeClaim
}

// Reader collects manifests, of one file or of many.
type Reader struct {
	workloads []workload
	services  []corev1.Service
	configs   map[string]corev1.ConfigMap
	secrets   map[string]corev1.Secret
	ingresses []netv1.Ingress
	scalers   []scalingv2.HorizontalPodAutoscaler
	skipped   outline.Notes
	documents int
}

// New makes a reader that has read nothing.
func New() *Reader {
	return &Reader{configs: map[string]corev1.ConfigMap{}, secrets: map[string]corev1.Secret{}}
}

// Add reads the manifests of a file.
func (r *Reader) Add(body []byte) (problems []error) {
	line := 1
	for _, doc := range bytes.Split(body, []byte("\n---")) {
		if err := r.document(doc); err != nil {
			problems = append(problems, fmt.Errorf("the manifest that begins at line %d: %w", line, err))
		}
		line += bytes.Count(doc, []byte("\n")) + 1
	}
	return problems
}

func (r *Reader) document(doc []byte) error {
	if r.documents++; r.documents > documentsMax {
		return fmt.Errorf("there are more than %d manifests; import them in parts", documentsMax)
	}
	var head struct {
		metav1.TypeMeta   `json:",inline"`
		metav1.ObjectMeta `json:"metadata"`
		Items             []any `json:"items"`
	}
	// Only the head matters here: the body is decoded by its kind.
	if err := yaml.Unmarshal(doc, &head); err != nil {
		return err
	}
	if head.Kind == "" {
		var rest any
		if yaml.Unmarshal(doc, &rest) == nil && rest == nil {
			return nil // comments only
		}
		return fmt.Errorf("it has no kind; give it one, or leave it out")
	}
	if strings.HasSuffix(head.Kind, "List") && len(head.Items) > 0 {
		for i, item := range head.Items {
			one, err := yaml.Marshal(item)
			if err == nil {
				err = r.document(one)
			}
			if err != nil {
				return fmt.Errorf("item %d: %w", i, err)
			}
		}
		return nil
	}
	if err := r.object(head.Kind, head.Name, doc); err != nil {
		return fmt.Errorf("%s %q: %w", head.Kind, head.Name, err)
	}
	return nil
}

// decode reads an object. A field that is not known is an error of the file.
func decode[T any](doc []byte) (T, error) {
	var out T
	err := yaml.UnmarshalStrict(doc, &out)
	return out, err
}

func (r *Reader) object(kind, name string, doc []byte) (err error) {
	switch kind {
	case "Deployment":
		var d appsv1.Deployment
		if d, err = decode[appsv1.Deployment](doc); err == nil {
			r.deployment(d)
		}
	case "ReplicaSet":
		var d appsv1.ReplicaSet
		if d, err = decode[appsv1.ReplicaSet](doc); err == nil {
			r.deployment(appsv1.Deployment{ObjectMeta: d.ObjectMeta, Spec: appsv1.DeploymentSpec{Replicas: d.Spec.Replicas, Template: d.Spec.Template}})
		}
	case "StatefulSet":
		var s appsv1.StatefulSet
		if s, err = decode[appsv1.StatefulSet](doc); err == nil {
			r.statefulSet(s)
		}
	case "DaemonSet":
		var d appsv1.DaemonSet
		if d, err = decode[appsv1.DaemonSet](doc); err == nil {
			r.add(workload{meta: d.ObjectMeta, pod: d.Spec.Template}, outline.System)
		}
	case "Job":
		var j batchv1.Job
		if j, err = decode[batchv1.Job](doc); err == nil {
			r.batch(j.ObjectMeta, j.Spec, nil)
		}
	case "CronJob":
		var c batchv1.CronJob
		if c, err = decode[batchv1.CronJob](doc); err == nil {
			r.batch(c.ObjectMeta, c.Spec.JobTemplate.Spec, &c.Spec)
		}
	case "Pod":
		var p corev1.Pod
		if p, err = decode[corev1.Pod](doc); err == nil {
			r.add(workload{meta: p.ObjectMeta, pod: corev1.PodTemplateSpec{ObjectMeta: p.ObjectMeta, Spec: p.Spec}}, outline.Service)
		}
	case "Service":
		var s corev1.Service
		if s, err = decode[corev1.Service](doc); err == nil {
			r.services = append(r.services, s)
		}
	case "ConfigMap":
		var c corev1.ConfigMap
		if c, err = decode[corev1.ConfigMap](doc); err == nil {
			r.configs[c.Namespace+"/"+c.Name] = c
		}
	case "Secret":
		var s corev1.Secret
		if s, err = decode[corev1.Secret](doc); err == nil {
			r.secrets[s.Namespace+"/"+s.Name] = s
		}
	case "Ingress":
		var i netv1.Ingress
		if i, err = decode[netv1.Ingress](doc); err == nil {
			r.ingresses = append(r.ingresses, i)
		}
	case "HorizontalPodAutoscaler":
		var h scalingv2.HorizontalPodAutoscaler
		if h, err = decode[scalingv2.HorizontalPodAutoscaler](doc); err == nil {
			r.scalers = append(r.scalers, h)
		}
	case "Namespace":
		r.skipped.Check("the namespace %s must be there: nomadlike namespace apply %s", name, name)
	case "PersistentVolumeClaim":
	default:
		r.skipped.Lost("the %s %s", kind, name)
	}
	return err
}

// add keeps a workload.
func (r *Reader) add(w workload, kind string) {
	w.job = &outline.Job{Name: outline.Name(w.meta.Name, "app"), Type: kind}
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
		jobs[0].Notes.List = append(jobs[0].Notes.List, r.skipped.List...)
	}
	return jobs
}

// expose puts the Kubernetes services that select a pod into the catalogue.
func (r *Reader) expose(p *pod, targets map[string]outline.Target) {
	for _, s := range r.services {
		if len(s.Spec.Selector) == 0 || s.Namespace != p.w.meta.Namespace || !selects(s.Spec.Selector, p.w.pod.Labels) {
			continue
		}
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
	for _, in := range r.ingresses {
		for _, rule := range in.Spec.Rules {
			if rule.HTTP == nil || in.Namespace != p.w.meta.Namespace {
				continue
			}
			for i, path := range rule.HTTP.Paths {
				if path.Backend.Service == nil {
					continue
				}
				name := outline.Name(path.Backend.Service.Name, "service")
				for _, s := range p.g.Services {
					if s.Name == name {
						router := outline.Name(fmt.Sprintf("%s-%s-%d", in.Name, rule.Host, i), "router")
						s.Tags = append(s.Tags, "traefik.enable=true", "traefik.http.routers."+router+".rule="+match(rule.Host, path.Path))
						if i == 0 {
							s.Check("the ingress %s became tags that Traefik reads; TLS and annotations were left out", in.Name)
						}
					}
				}
			}
		}
	}
}

func match(host, path string) string {
	var out []string
	if host != "" {
		out = append(out, "Host(`"+host+"`)")
	}
	if path != "" && path != "/" || host == "" {
		out = append(out, "PathPrefix(`"+path+"`)")
	}
	return strings.Join(out, " && ")
}

func (r *Reader) scale(p *pod) {
	for _, h := range r.scalers {
		if h.Spec.ScaleTargetRef.Name != p.w.meta.Name || h.Namespace != p.w.meta.Namespace {
			continue
		}
		s := &outline.Scaling{Min: 1, Max: int(h.Spec.MaxReplicas)}
		if h.Spec.MinReplicas != nil {
			s.Min = int(*h.Spec.MinReplicas)
		}
		if s.Min < 0 || s.Max < s.Min || s.Max > replicasMax {
			p.g.Lost("the autoscaler %s, whose bounds %d to %d are not valid", h.Name, s.Min, s.Max)
			continue
		}
		s.Lost("the metrics of the autoscaler %s: give them as policy blocks", h.Name)
		p.g.Count = min(max(p.g.Count, s.Min), s.Max)
		p.g.Scaling = s
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
