package diff

var connectShape = &shape{
	children: []child{
		{field: "SidecarService", name: "SidecarService", shape: &shape{children: []child{
			{field: "Tags", name: "Tags", match: stringSet},
			{field: "Proxy", name: "ConsulProxy", shape: proxyShape},
		}}},
		{field: "SidecarTask", name: "SidecarTask", shape: &shape{children: []child{
			{field: "Config", name: "Config", match: opaque},
			{field: "Resources", name: "Resources", shape: resourcesShape},
			{field: "LogConfig", name: "LogConfig", shape: leaf},
			{field: "VolumeMounts", name: "VolumeMount", match: byContent, shape: leaf},
			{field: "Identities", name: "Identity", match: byKey, key: "Name", shape: identityShape},
		}}},
		{field: "Gateway", name: "Gateway", shape: gatewayShape},
	},
}

var proxyShape = &shape{
	children: []child{
		{field: "Upstreams", name: "ConsulUpstreams", match: byContent, shape: &shape{children: []child{
			{field: "MeshGateway", name: "MeshGateway", shape: leaf},
			{field: "Config", name: "Config", match: opaque},
		}}},
		{field: "Expose", name: "Expose", shape: &shape{children: []child{
			{field: "Paths", name: "Paths", match: byContent, shape: leaf},
		}}},
		{field: "TransparentProxy", name: "TransparentProxy", shape: &shape{children: []child{
			{field: "ExcludeInboundPorts", name: "ExcludeInboundPorts", match: stringSet},
			{field: "ExcludeOutboundPorts", name: "ExcludeOutboundPorts", match: stringSet},
			{field: "ExcludeOutboundCIDRs", name: "ExcludeOutboundCIDRs", match: stringSet},
			{field: "ExcludeUIDs", name: "ExcludeUIDs", match: stringSet},
		}}},
		{field: "Config", name: "Config", match: opaque},
	},
}

var gatewayShape = &shape{
	children: []child{
		{field: "Proxy", name: "Proxy", shape: &shape{children: []child{
			{field: "EnvoyGatewayBindAddresses", name: "EnvoyGatewayBindAddresses", match: byKey, shape: leaf},
			{field: "Config", name: "Config", match: opaque},
		}}},
		{field: "Ingress", name: "Ingress", shape: &shape{children: []child{
			{field: "TLS", name: "TLS", shape: tlsShape},
			{field: "Listeners", name: "Listener", match: byKey, key: "Port", shape: &shape{children: []child{
				{field: "Services", name: "ConsulIngressService", match: byKey, key: "Name", shape: &shape{children: []child{
					{field: "Hosts", name: "Hosts", match: stringSet},
					{field: "TLS", name: "TLS", shape: tlsShape},
					{field: "RequestHeaders", name: "RequestHeaders", shape: headersShape},
					{field: "ResponseHeaders", name: "ResponseHeaders", shape: headersShape},
				}}},
			}}},
		}}},
		{field: "Terminating", name: "Terminating", shape: &shape{children: []child{
			{field: "Services", name: "ConsulLinkedService", match: byKey, key: "Name", shape: leaf},
		}}},
		{field: "Mesh", name: "Mesh", shape: leaf},
	},
}

var headersShape = &shape{
	children: []child{{field: "Remove", name: "Remove", match: stringSet}},
}

var tlsShape = &shape{
	children: []child{
		{field: "CipherSuites", name: "CipherSuites", match: stringSet},
		{field: "SDS", name: "SDS", shape: leaf},
	},
}
