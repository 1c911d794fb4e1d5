package op

// Kinds, in the order they were introduced.
const (
	KindRegisterJob Kind = iota + 1
	KindDeregisterJob
	KindScaleJob
	KindSetJobStability
	KindTagJobVersion
	KindRecordPeriodicLaunch
	KindUpsertEvals
	KindApplyPlans
	KindUpdateAllocs
	KindTransitionAllocs
	KindRegisterNode
	KindSetNodeStatus
	KindSetNodeDrain
	KindSetNodeEligibility
	KindAddNodeEvents
	KindDeregisterNodes
	KindUpdateDeployment
	KindPromoteDeployment
	KindSetAllocHealth
	KindUpsertNamespaces
	KindDeleteNamespaces
	KindUpsertNodePools
	KindDeleteNodePools
	KindSetSchedulerConfig
	KindSetAutopilotConfig
	KindUpsertServices
	KindDeleteServices
	KindUpsertRootKey
	KindDeleteRootKey
	KindCollect
	KindReconcileSummaries
	KindSetClusterID
	KindBatch
	KindApplyVariable
	KindRekeyVariables
	KindUpsertQuotas
	KindDeleteQuotas
	KindUpsertHostVolumes
	KindDeleteHostVolume
	KindDeleteHostVolumeClaim
	KindUpsertCSIVolumes
	KindDeregisterCSIVolume
	KindReleaseCSIVolume
)

func (*RegisterJob) Kind() Kind           { return KindRegisterJob }
func (*DeregisterJob) Kind() Kind         { return KindDeregisterJob }
func (*ScaleJob) Kind() Kind              { return KindScaleJob }
func (*SetJobStability) Kind() Kind       { return KindSetJobStability }
func (*TagJobVersion) Kind() Kind         { return KindTagJobVersion }
func (*RecordPeriodicLaunch) Kind() Kind  { return KindRecordPeriodicLaunch }
func (*UpsertEvals) Kind() Kind           { return KindUpsertEvals }
func (*ApplyPlans) Kind() Kind            { return KindApplyPlans }
func (*UpdateAllocs) Kind() Kind          { return KindUpdateAllocs }
func (*TransitionAllocs) Kind() Kind      { return KindTransitionAllocs }
func (*RegisterNode) Kind() Kind          { return KindRegisterNode }
func (*SetNodeStatus) Kind() Kind         { return KindSetNodeStatus }
func (*SetNodeDrain) Kind() Kind          { return KindSetNodeDrain }
func (*SetNodeEligibility) Kind() Kind    { return KindSetNodeEligibility }
func (*AddNodeEvents) Kind() Kind         { return KindAddNodeEvents }
func (*DeregisterNodes) Kind() Kind       { return KindDeregisterNodes }
func (*UpdateDeployment) Kind() Kind      { return KindUpdateDeployment }
func (*PromoteDeployment) Kind() Kind     { return KindPromoteDeployment }
func (*SetAllocHealth) Kind() Kind        { return KindSetAllocHealth }
func (*UpsertNamespaces) Kind() Kind      { return KindUpsertNamespaces }
func (*DeleteNamespaces) Kind() Kind      { return KindDeleteNamespaces }
func (*UpsertNodePools) Kind() Kind       { return KindUpsertNodePools }
func (*DeleteNodePools) Kind() Kind       { return KindDeleteNodePools }
func (*SetSchedulerConfig) Kind() Kind    { return KindSetSchedulerConfig }
func (*SetAutopilotConfig) Kind() Kind    { return KindSetAutopilotConfig }
func (*UpsertServices) Kind() Kind        { return KindUpsertServices }
func (*DeleteServices) Kind() Kind        { return KindDeleteServices }
func (*UpsertRootKey) Kind() Kind         { return KindUpsertRootKey }
func (*DeleteRootKey) Kind() Kind         { return KindDeleteRootKey }
func (*Collect) Kind() Kind               { return KindCollect }
func (*ReconcileSummaries) Kind() Kind    { return KindReconcileSummaries }
func (*SetClusterID) Kind() Kind          { return KindSetClusterID }
func (*Batch) Kind() Kind                 { return KindBatch }
func (*ApplyVariable) Kind() Kind         { return KindApplyVariable }
func (*RekeyVariables) Kind() Kind        { return KindRekeyVariables }
func (*UpsertQuotas) Kind() Kind          { return KindUpsertQuotas }
func (*DeleteQuotas) Kind() Kind          { return KindDeleteQuotas }
func (*UpsertHostVolumes) Kind() Kind     { return KindUpsertHostVolumes }
func (*DeleteHostVolume) Kind() Kind      { return KindDeleteHostVolume }
func (*DeleteHostVolumeClaim) Kind() Kind { return KindDeleteHostVolumeClaim }
func (*UpsertCSIVolumes) Kind() Kind      { return KindUpsertCSIVolumes }
func (*DeregisterCSIVolume) Kind() Kind   { return KindDeregisterCSIVolume }
func (*ReleaseCSIVolume) Kind() Kind      { return KindReleaseCSIVolume }
