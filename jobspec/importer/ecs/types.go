package ecs

type pair struct{ Name, Value, ValueFrom string }

type container struct {
	Name, Image, User, WorkingDirectory, Hostname string
	CPU                                           float64
	Memory, MemoryReservation                     float64
	Essential                                     *bool
	EntryPoint, Command                           []string
	PortMappings                                  []struct {
		ContainerPort, HostPort int
		Name                    string
	}
	Environment, Secrets []pair
	EnvironmentFiles     []pair
	MountPoints          []struct {
		SourceVolume, ContainerPath string
		ReadOnly                    bool
	}
	DependsOn              []struct{ ContainerName, Condition string }
	Links                  []string
	StopTimeout            int
	Privileged             bool
	ReadonlyRootFilesystem bool
	PseudoTerminal         bool
	Interactive            bool
	DNSServers             []string
	DNSSearchDomains       []string
	DockerSecurityOptions  []string
	ExtraHosts             []struct{ Hostname, IPAddress string }
	SystemControls         []struct{ Namespace, Value string }
	DockerLabels           map[string]string
	Ulimits                []struct {
		Name                 string
		SoftLimit, HardLimit int
	}
	LinuxParameters *struct {
		InitProcessEnabled bool
		SharedMemorySize   int
		Capabilities       *struct{ Add, Drop []string }
		Tmpfs              []struct {
			ContainerPath string
			Size          int
		}
	}
	HealthCheck *struct {
		Command              []string
		Interval, Timeout    int
		Retries, StartPeriod int
	}
	ResourceRequirements  []struct{ Type, Value string }
	RepositoryCredentials *struct{ CredentialsParameter string }
}

type taskDefinition struct {
	Family, NetworkMode, PIDMode, IPCMode string
	// CPU and Memory are numbers or text, for the whole task.
	CPU, Memory          any
	ContainerDefinitions []container
	Volumes              []volume
	PlacementConstraints []placement
	EphemeralStorage     *struct{ SizeInGiB int }
	RuntimePlatform      *struct{ CPUArchitecture, OperatingSystemFamily string }
	// tree is the task definition as it was read.
	tree any
}

type volume struct {
	Name string
	Host *struct{ SourcePath string }
	EFS  *struct{ FileSystemID string } `json:"efsVolumeConfiguration"`
	// Docker is a volume of the engine.
	Docker *struct{ Scope string } `json:"dockerVolumeConfiguration"`
}

type service struct {
	ServiceName, TaskDefinition, SchedulingStrategy string
	DesiredCount                                    *int
	LoadBalancers                                   []struct {
		ContainerName string
		ContainerPort int
	}
	DeploymentConfiguration *struct {
		DeploymentCircuitBreaker              *struct{ Enable, Rollback bool }
		MaximumPercent, MinimumHealthyPercent *int
	}
	PlacementStrategy    []struct{ Type, Field string }
	PlacementConstraints []placement
	tree                 any
}

type placement struct{ Type, Expression string }
