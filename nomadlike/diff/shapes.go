package diff

// matching is how the members of both sides pair.
type matching uint8

const (
	single    matching = iota // one object, or none
	stringSet                 // a list of strings whose order does not matter
	byContent                 // equal members pair; others are added or deleted
	byKey                     // members with an equal field, or map key, pair
	services                  // the most similar members pair
	opaque                    // no shape: compared by path
)

// child is a member of a shape that is an object itself.
type child struct {
	field string // of the noun
	name  string // of the object in the difference
	match matching
	key   string // field that pairs members, with byKey
	shape *shape
}

// shape is what a difference shows of a noun: its scalars and string maps,
// except hidden ones, then its children. Lists in joined are shown as one
// field, fields in sparse only where they are not zero.
type shape struct {
	hidden   []string
	joined   []string
	sparse   []string
	children []child
}

// leaf is a noun without objects in it.
var leaf = &shape{}

var jobShape = &shape{
	hidden: []string{
		"ID", "Status", "StatusDescription", "Version", "Stable", "CreateIndex", "ModifyIndex",
		"JobModifyIndex", "SubmitTime", "NomadTokenID",
	},
	sparse: []string{"AllOrNothing"},
	children: []child{
		{field: "Datacenters", name: "Datacenters", match: stringSet},
		{field: "Constraints", name: "Constraint", match: byContent, shape: leaf},
		{field: "Affinities", name: "Affinity", match: byContent, shape: leaf},
		{field: "Periodic", name: "Periodic", shape: &shape{children: []child{
			{field: "Specs", name: "Specs", match: stringSet},
		}}},
		{field: "ParameterizedJob", name: "ParameterizedJob", shape: &shape{children: []child{
			{field: "MetaOptional", name: "MetaOptional", match: stringSet},
			{field: "MetaRequired", name: "MetaRequired", match: stringSet},
		}}},
		{field: "Multiregion", name: "Multiregion", shape: &shape{children: []child{
			{field: "Regions", name: "Region", match: byKey, key: "Name", shape: &shape{children: []child{
				{field: "Datacenters", name: "Datacenters", match: stringSet},
			}}},
			{field: "Strategy", name: "Strategy", shape: leaf},
		}}},
		{field: "UI", name: "UI", shape: &shape{children: []child{
			{field: "Links", name: "Link", match: byContent, shape: leaf},
		}}},
	},
}

var groupShape = &shape{
	hidden: []string{"Name"},
	sparse: []string{"AllOrNothing"},
	children: []child{
		{field: "Constraints", name: "Constraint", match: byContent, shape: leaf},
		{field: "Affinities", name: "Affinity", match: byContent, shape: leaf},
		{field: "RestartPolicy", name: "RestartPolicy", shape: leaf},
		{field: "Migrate", name: "Migrate", shape: &shape{sparse: []string{"Order"}}},
		{field: "Rebalance", name: "Rebalance", shape: leaf},
		{field: "ReschedulePolicy", name: "ReschedulePolicy", shape: leaf},
		{field: "EphemeralDisk", name: "EphemeralDisk", shape: leaf},
		{field: "Consul", name: "Consul", shape: leaf},
		{field: "Update", name: "Update", shape: &shape{hidden: []string{"Stagger"}}},
		{field: "Disconnect", name: "Disconnect", shape: leaf},
		{field: "Networks", name: "Network", match: byContent, shape: networkShape},
		{field: "Scaling", name: "Scaling", shape: &shape{
			hidden:   []string{"ID", "Type", "Target", "CreateIndex", "ModifyIndex"},
			children: []child{{field: "Policy", name: "Policy", match: opaque}},
		}},
		{field: "Services", name: "Service", match: services, shape: serviceShape},
		{field: "Volumes", name: "Volume", match: byKey, shape: &shape{children: []child{
			{field: "MountOptions", name: "MountOptions", shape: &shape{children: []child{
				{field: "MountFlags", name: "MountFlags", match: stringSet},
			}}},
		}}},
	},
}

var networkShape = &shape{
	hidden: []string{"Device", "CIDR", "IP", "MBits"},
	children: []child{
		{field: "ReservedPorts", name: "Static Port", match: byKey, key: "Label", shape: leaf},
		{field: "DynamicPorts", name: "Dynamic Port", match: byKey, key: "Label", shape: &shape{
			hidden: []string{"Value", "IgnoreCollision"},
		}},
		{field: "DNS", name: "DNS", shape: &shape{joined: []string{"Servers", "Searches", "Options"}}},
		{field: "CNI", name: "CNIConfig", shape: leaf},
	},
}

var taskShape = &shape{
	hidden: []string{"Name"},
	children: []child{
		{field: "Constraints", name: "Constraint", match: byContent, shape: leaf},
		{field: "Affinities", name: "Affinity", match: byContent, shape: leaf},
		{field: "Config", name: "Config", match: opaque},
		{field: "Resources", name: "Resources", shape: resourcesShape},
		{field: "LogConfig", name: "LogConfig", shape: leaf},
		{field: "DispatchPayload", name: "DispatchPayload", shape: leaf},
		{field: "Artifacts", name: "Artifact", match: byContent, shape: leaf},
		{field: "Services", name: "Service", match: services, shape: serviceShape},
		{field: "Vault", name: "Vault", shape: leaf},
		{field: "Secrets", name: "Secret", match: byKey, key: "Name", shape: &shape{children: []child{
			{field: "Config", name: "Config", match: opaque},
		}}},
		{field: "Consul", name: "Consul", shape: leaf},
		{field: "Templates", name: "Template", match: byKey, key: "DestPath", shape: &shape{children: []child{
			{field: "Wait", name: "Template", shape: leaf},
			{field: "ChangeScript", name: "ChangeScript", shape: &shape{children: []child{
				{field: "Args", name: "Args", match: stringSet},
			}}},
		}}},
		{field: "Identity", name: "Identity", shape: identityShape},
		{field: "Identities", name: "Identity", match: byKey, key: "Name", shape: identityShape},
		{field: "Actions", name: "Action", match: byKey, key: "Name", shape: &shape{children: []child{
			{field: "Args", name: "Args", match: stringSet},
		}}},
		{field: "VolumeMounts", name: "VolumeMount", match: byContent, shape: leaf},
		{field: "Schedule", name: "Schedule", shape: &shape{children: []child{
			{field: "Cron", name: "Cron", shape: leaf},
		}}},
	},
}

var resourcesShape = &shape{
	sparse: []string{"CPUMillis"},
	children: []child{
		{field: "Networks", name: "Network", match: byContent, shape: networkShape},
		{field: "Devices", name: "Device", match: byContent, shape: &shape{children: []child{
			{field: "Constraints", name: "Constraint", match: byContent, shape: leaf},
			{field: "Affinities", name: "Affinity", match: byContent, shape: leaf},
		}}},
		{field: "NUMA", name: "NUMA", shape: &shape{children: []child{
			{field: "Devices", name: "Devices", match: stringSet},
		}}},
	},
}

var identityShape = &shape{
	children: []child{
		{field: "Audience", name: "Audience", match: stringSet},
		{field: "ExtraClaims", name: "ExtraClaims", match: stringSet},
	},
}

var serviceShape = &shape{
	children: []child{
		{field: "CanaryTags", name: "CanaryTags", match: stringSet},
		{field: "Tags", name: "Tags", match: stringSet},
		{field: "Checks", name: "Check", match: byKey, key: "Name", shape: &shape{children: []child{
			{field: "Header", name: "Header", match: opaque},
			{field: "CheckRestart", name: "CheckRestart", shape: leaf},
		}}},
		{field: "Connect", name: "ConsulConnect", shape: connectShape},
		{field: "Identity", name: "Identity", shape: identityShape},
		{field: "Weights", name: "Weights", shape: leaf},
	},
}
