package watch

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	nl "github.com/nomadlike/nomadlike/nomadlike"
	"github.com/nomadlike/nomadlike/nomadlike/op"
	"github.com/nomadlike/nomadlike/server/keyring"
)

// lockOp is a write of the variable by the holder of the lock.
func lockOp(action op.VariableAction, path, id, ttl string) *op.ApplyVariable {
	return &op.ApplyVariable{Action: action, Time: time.Now().UnixNano(), Variable: &nl.Variable{VariableMetadata: nl.VariableMetadata{
		Namespace: nl.DefaultNamespace, Path: path, Lock: &nl.VariableLock{ID: id, TTL: ttl, LockDelay: "5s"}}}}
}

func (l *leader) variable(path string) *nl.Variable {
	return l.st.Snapshot().Variable(nl.DefaultNamespace, path)
}

// held lists the locks that are held, after so long.
func (l *leader) held(after time.Duration) string {
	time.Sleep(after)
	synctest.Wait()
	var out []string
	for v := range l.st.Snapshot().LockedVariables() {
		out = append(out, v.Path)
	}
	return strings.Join(out, " ")
}

func (l *leader) expect(after time.Duration, want string) {
	l.t.Helper()
	if got := l.held(after); got != want {
		l.t.Errorf("locks held: %q, want %q", got, want)
	}
}

func TestWatch_TakesLocksAway(t *testing.T) {
	inBubble(t, nil, func(l *leader) {
		defer l.lead()()
		l.apply(lockOp(op.VariableAcquire, "quiet", "l1", "10s"))
		l.apply(lockOp(op.VariableAcquire, "renewed", "l2", "10s"))
		l.apply(lockOp(op.VariableAcquire, "written", "l3", "10s"))
		l.apply(lockOp(op.VariableAcquire, "long", "l4", "1h"))
		l.expect(9*time.Second, "long quiet renewed written")
		l.w.Renew(l.variable("renewed"))
		l.apply(lockOp(op.VariableSet, "written", "l3", "10s"))
		l.expect(2*time.Second, "long renewed written")
		l.expect(7*time.Second, "long renewed written")
		l.expect(2*time.Second, "long")
		v := l.variable("quiet")
		if taken := time.Unix(0, v.ModifyTime).Add(5 * time.Second); v.LockableFrom != taken.UnixNano() {
			t.Errorf("lockable from %v, want %v after it was taken away", v.LockableFrom, taken)
		}
		l.apply(lockOp(op.VariableAcquire, "quiet", "l5", "10s"))
		l.expect(9*time.Second, "long quiet")
		l.apply(lockOp(op.VariableRelease, "quiet", "l5", ""))
		l.expect(time.Hour, "")
	})
}

// A new leader does not know when locks were renewed.
func TestWatch_NewLeaderGrantsLocksTheirTime(t *testing.T) {
	inBubble(t, nil, func(l *leader) {
		stop := l.lead()
		l.apply(lockOp(op.VariableAcquire, "a", "l1", "10s"))
		l.expect(9*time.Second, "a")
		stop()
		defer l.lead()()
		l.expect(9*time.Second, "a")
		l.expect(2*time.Second, "")
	})
}

func TestWatch_EncryptsAnew(t *testing.T) {
	inBubble(t, nil, func(l *leader) {
		defer l.lead()()
		s := l.st.Snapshot()
		old := s.ActiveRootKey()
		const count = 2*rekeyBatch + 1
		for i := range count {
			v := &nl.Variable{VariableMetadata: nl.VariableMetadata{Namespace: nl.DefaultNamespace, Path: fmt.Sprint(i)}}
			if err := keyring.Seal(s, v, map[string]string{"k": fmt.Sprint(i)}); err != nil {
				t.Fatal(err)
			}
			l.apply(&op.ApplyVariable{Action: op.VariableSet, Variable: v})
		}
		next, err := NewRootKey(l.w.cfg.Random, time.Now().UnixNano(), "next")
		if err != nil {
			t.Fatal(err)
		}
		l.apply(&op.UpsertRootKey{Key: next, Activate: true})
		rekeying := nl.DeepCopy(old)
		rekeying.Meta.State = KeyRekeying
		l.apply(&op.UpsertRootKey{Key: rekeying})
		before := map[string]uint64{}
		for v := range l.st.Snapshot().Variables(nl.DefaultNamespace, "") {
			before[v.Path] = v.ModifyIndex
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		s = l.st.Snapshot()
		after := map[string]uint64{}
		for v := range s.Variables(nl.DefaultNamespace, "") {
			after[v.Path] = v.ModifyIndex
			if v.KeyID != "next" {
				t.Errorf("variable %s is encrypted with %s", v.Path, v.KeyID)
			}
			if items, err := keyring.Open(s, v); err != nil || items["k"] != v.Path {
				t.Errorf("variable %s holds %v, %v", v.Path, items, err)
			}
		}
		if len(after) != count || !maps.Equal(before, after) {
			t.Error("encrypting anew changed the indexes of variables")
		}
		if state := s.RootKey(old.Meta.KeyID).Meta.State; state != "inactive" {
			t.Errorf("the old key is %s", state)
		}
	})
}

// What cannot be decrypted stays as it is, and does not keep the loop busy.
func TestWatch_LeavesDamagedVariables(t *testing.T) {
	inBubble(t, nil, func(l *leader) {
		defer l.lead()()
		old := nl.DeepCopy(l.st.Snapshot().ActiveRootKey())
		l.apply(&op.ApplyVariable{Action: op.VariableSet, Variable: &nl.Variable{
			VariableMetadata: nl.VariableMetadata{Namespace: nl.DefaultNamespace, Path: "a"}, KeyID: old.Meta.KeyID, Data: []byte("damaged")}})
		next, err := NewRootKey(l.w.cfg.Random, time.Now().UnixNano(), "next")
		if err != nil {
			t.Fatal(err)
		}
		l.apply(&op.UpsertRootKey{Key: next, Activate: true})
		old.Meta.State = KeyRekeying
		l.apply(&op.UpsertRootKey{Key: old})
		tried := l.tried
		time.Sleep(rekeyRetry / 2)
		synctest.Wait()
		if l.tried != tried {
			t.Errorf("%d proposals about a variable that cannot be read", l.tried-tried)
		}
		if l.st.Snapshot().RootKey(old.Meta.KeyID).Meta.State != KeyRekeying {
			t.Error("a key that a variable still needs was retired")
		}
	})
}
