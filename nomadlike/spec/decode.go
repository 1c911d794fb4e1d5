package spec

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strings"

	"github.com/nomadlike/nomadlike/nomadlike"
)

// Register turns a job as a client sent it into the job that admission looks
// at. A priority that is not said stays 0, for the server to choose.
func Register(doc Document) (*nomadlike.Job, error) {
	if doc["Priority"] == nil {
		doc["Priority"] = int64(0)
	}
	Canonicalize(doc)
	return Decode(doc)
}

// Decode turns a canonical document into a Job: what is null becomes zero, and
// what only clients use is folded into the fields that the state keeps. The
// job shares opaque values (driver configuration, scaling policies) with the
// document, which must not be changed afterwards.
func Decode(doc Document) (*nomadlike.Job, error) {
	for _, group := range list(doc, "TaskGroups") {
		for _, task := range list(group, "Tasks") {
			for _, policy := range list(task, "ScalingPolicies") {
				fill(policy, object{"Enabled": true})
			}
		}
	}
	job := &nomadlike.Job{}
	if err := decodeStruct(reflect.ValueOf(job).Elem(), object(doc), "Job"); err != nil {
		return nil, err
	}
	convert(job)
	return job, nil
}

// documentName is the member of a document that holds a field.
func documentName(f reflect.StructField) string {
	if f.Name == "Url" {
		return "URL" // requests and answers spell it differently
	}
	return f.Name
}

func decodeStruct(v reflect.Value, o object, path string) error {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		if f.PkgPath != "" {
			continue
		}
		said := o[documentName(f)]
		if said == nil {
			continue
		}
		if err := decodeValue(v.Field(i), said, path+"."+f.Name); err != nil {
			return err
		}
	}
	return nil
}

// decodeValue sets v from a value of a document.
func decodeValue(v reflect.Value, said any, path string) error {
	wrong := func() error {
		return fmt.Errorf("field %s holds %T, which is no %s", path, said, v.Type())
	}
	switch v.Kind() {
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		if err := decodeValue(p.Elem(), said, path); err != nil {
			return err
		}
		v.Set(p)
	case reflect.Interface:
		v.Set(reflect.ValueOf(said))
	case reflect.String:
		s, ok := said.(string)
		if !ok {
			return wrong()
		}
		v.SetString(s)
	case reflect.Bool:
		b, ok := said.(bool)
		if !ok {
			return wrong()
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int64:
		n, ok := said.(int64)
		if !ok {
			return wrong()
		}
		v.SetInt(n)
	case reflect.Uint64:
		n, ok := said.(int64)
		if !ok || n < 0 {
			return wrong()
		}
		v.SetUint(uint64(n))
	case reflect.Float64:
		f, ok := said.(float64)
		if !ok {
			return wrong()
		}
		v.SetFloat(f)
	case reflect.Struct:
		o, ok := said.(object)
		if !ok {
			return wrong()
		}
		return decodeStruct(v, o, path)
	case reflect.Slice:
		return decodeSlice(v, said, path)
	case reflect.Map:
		return decodeMap(v, said, path)
	default:
		return wrong()
	}
	return nil
}

func decodeSlice(v reflect.Value, said any, path string) error {
	if s, ok := said.(string); ok && v.Type().Elem().Kind() == reflect.Uint8 {
		raw, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return fmt.Errorf("field %s is not base64: %w", path, err)
		}
		v.SetBytes(raw)
		return nil
	}
	l, ok := said.([]any)
	if !ok {
		return fmt.Errorf("field %s holds %T, which is no list", path, said)
	}
	out := reflect.MakeSlice(v.Type(), len(l), len(l))
	for i, e := range l {
		if e == nil {
			continue
		}
		if err := decodeValue(out.Index(i), e, path); err != nil {
			return err
		}
	}
	v.Set(out)
	return nil
}

func decodeMap(v reflect.Value, said any, path string) error {
	m, ok := said.(object)
	if !ok {
		return fmt.Errorf("field %s holds %T, which is no object", path, said)
	}
	if v.Type().Elem().Kind() == reflect.Interface {
		v.Set(reflect.ValueOf(m))
		return nil
	}
	out := reflect.MakeMapWithSize(v.Type(), len(m))
	for k, e := range m {
		elem := reflect.New(v.Type().Elem()).Elem()
		if e != nil {
			if err := decodeValue(elem, e, path+"."+k); err != nil {
				return err
			}
		}
		out.SetMapIndex(reflect.ValueOf(k), elem)
	}
	v.Set(out)
	return nil
}

// convert folds what only clients say into what the state keeps.
func convert(job *nomadlike.Job) {
	update := job.Update
	job.Update = nomadlike.UpdateStrategy{}
	if update.MaxParallel > 0 {
		job.Update.MaxParallel, job.Update.Stagger = update.MaxParallel, update.Stagger
	}
	for _, group := range job.TaskGroups {
		convertGroup(group)
	}
	emptyToNil(reflect.ValueOf(job).Elem())
}

func convertGroup(group *nomadlike.Group) {
	for name, v := range group.Volumes {
		if v == nil || v.Type != "host" && v.Type != "csi" {
			delete(group.Volumes, name)
		}
	}
	for _, task := range group.Tasks {
		if task.Vault != nil {
			task.Vault.ChangeSignal = strings.ToUpper(task.Vault.ChangeSignal)
		}
		for _, t := range task.Templates {
			t.ChangeSignal = strings.ToUpper(t.ChangeSignal)
		}
		for _, id := range append([]*nomadlike.WorkloadIdentity{task.Identity}, task.Identities...) {
			if id != nil {
				id.ChangeSignal = strings.ToUpper(id.ChangeSignal)
			}
		}
	}
}

// keptEmpty are the lists that stay an empty list when nothing was said.
func keptEmpty(parent reflect.Type, field string) bool {
	switch parent.Name() + "." + field {
	case "Periodic.Specs", "ChangeScript.Args", "Parameterized.MetaRequired", "Parameterized.MetaOptional":
		return true
	}
	return false
}

// emptyToNil makes empty lists and maps nil, so that equal specifications are
// equal values however they were written.
func emptyToNil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			emptyToNil(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Field(i)
			if (f.Kind() == reflect.Slice || f.Kind() == reflect.Map) && !f.IsNil() && f.Len() == 0 {
				if !keptEmpty(v.Type(), v.Type().Field(i).Name) {
					f.SetZero()
				}
				continue
			}
			emptyToNil(f)
		}
	case reflect.Slice:
		if k := v.Type().Elem().Kind(); k != reflect.Pointer && k != reflect.Struct {
			return
		}
		for i := range v.Len() {
			emptyToNil(v.Index(i))
		}
	case reflect.Map:
		if v.Type().Elem().Kind() != reflect.Pointer {
			return
		}
		for it := v.MapRange(); it.Next(); {
			emptyToNil(it.Value())
		}
	}
}
