package marathon

type port struct {
	ContainerPort, HostPort, Port, ServicePort int
	Name                                       string
}

type command struct {
	Value, Shell string
	Argv         []string
}

// healthCheck is that of an app or, with HTTP, TCP and Exec, of a container of
// a pod.
type healthCheck struct {
	Protocol, Path                  string
	PortIndex, Port                 *int
	IntervalSeconds, TimeoutSeconds int
	GracePeriodSeconds              int
	MaxConsecutiveFailures          int
	Command                         *command
	HTTP                            *struct{ Endpoint, Path, Scheme string }
	TCP                             *struct{ Endpoint string }
	Exec                            *struct{ Command command }
}

type fetch struct {
	URI, DestPath string
	Extract       *bool
}

// common is what apps and pods share.
type common struct {
	ID, User    string
	Secrets     map[string]struct{ Source string }
	Labels      map[string]string
	Networks    []struct{ Mode, Name string }
	Constraints [][]string
	// AcceptedResourceRoles are those of nodes.
	AcceptedResourceRoles []string
	UpgradeStrategy       *upgrade
	tree                  any
}

type upgrade struct{ MinimumHealthCapacity, MaximumOverCapacity *float64 }

type app struct {
	common
	Cmd                        string
	Args                       []string
	CPUs, Mem, Disk, GPUs      float64
	Instances                  *int
	Env                        map[string]any
	Dependencies               []string
	URIs                       []string
	Fetch                      []fetch
	Ports                      []int
	RequirePorts               bool
	PortDefinitions            []port
	HealthChecks               []healthCheck
	TaskKillGracePeriodSeconds int
	BackoffSeconds             float64
	TTY                        bool
	ResourceLimits             struct{ Mem any }
	Container                  *container
}

type container struct {
	Docker *struct {
		Image, Network             string
		ForcePullImage, Privileged bool
		PortMappings               []port
		Parameters                 []struct{ Key, Value string }
	}
	PortMappings []port
	Volumes      []struct {
		ContainerPath, HostPath, Mode, Secret string
		Persistent                            *struct{ Size int }
		External                              *struct{ Name string }
	}
}

type pod struct {
	common
	Containers  []podContainer
	Environment map[string]any
	Scaling     *struct{ Instances int }
	Scheduling  struct {
		Placement struct {
			Constraints []struct {
				FieldName, Operator, Value string
			}
			AcceptedResourceRoles []string
		}
		Upgrade *upgrade
		Backoff struct{ Backoff float64 }
	}
	Volumes []podVolume
}

type podVolume struct {
	Name, Host, Secret string
	Persistent         *struct{ Size int }
}

type podContainer struct {
	Name, User string
	Image      *struct {
		ID        string
		ForcePull bool
	}
	Exec           *struct{ Command command }
	Resources      struct{ CPUs, Mem, GPUs, Disk float64 }
	ResourceLimits struct{ Mem any }
	Endpoints      []port
	Environment    map[string]any
	HealthCheck    *healthCheck
	TTY            bool
	Labels         map[string]string
	Lifecycle      struct{ KillGracePeriodSeconds float64 }
	VolumeMounts   []struct {
		Name, MountPath string
		ReadOnly        bool
	}
	Artifacts []fetch
}
