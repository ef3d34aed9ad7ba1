"""The HTTP gateway."""

CASES: list[tuple[str, str]] = [
    ("gateway: {pods: 3}", "gateway.pods: 3 is not a mapping: write keys below it, such as min, max, cpuPercent"),
    ("gateway: true", "gateway: true is not a mapping: write keys below it, such as pods, resources, expose"),
    (
        "gateway: {replicas: 3}",
        "gateway.replicas: unknown key: use one of pods, resources, expose, tls, limits, anonymous, anonymousSecret, bearer, recheck, cors, trustedProxies, enforcedTopics, clientNamespaces, metricsNamespaces, podSettings",
    ),
    ("gateway: {pods: {minimum: 3}}", "gateway.pods.minimum: unknown key: did you mean 'min'?"),
    ("gateway: {pods: {min: 0}}", "gateway.pods.min: 0 is out of range: use 1 to 200"),
    ("gateway: {pods: {min: 4, max: 2}}", "gateway.pods.max: 2 is out of range: use 4 (min) to 200"),
    ("gateway: {pods: {max: many}}", "gateway.pods.max: 'many' is not a whole number: write one such as 3"),
    (
        "gateway: {pods: {max: 4, cpuPercent: 170}}",
        "gateway.pods.cpuPercent: 170 is out of range: use 1 to 100",
    ),
    (
        "gateway: {pods: {min: 2, requestsInFlight: 100}}",
        "gateway.pods.requestsInFlight: the number of pods is fixed: write max too, or leave this out",
    ),
    (
        "gateway: {pods: {max: 9, requestsInFlight: 500}, limits: {requests: 500}}",
        "gateway.pods.requestsInFlight: a pod takes at most 500 requests (limits.requests): use less than that, so that pods are added before callers are refused",
    ),
    (
        "gateway: {resources: {memory: 128Mi}}",
        "gateway.resources.memory: 128Mi is too little for a gateway: use at least 256Mi",
    ),
    (
        "gateway: {resources: {memory: 512Mi}, limits: {bodies: 300Mi}}",
        "gateway.resources.memory: 512Mi is less than what a pod may take at its limits, 628Mi (limits.bodies up to 300Mi, limits.consumers up to 100Mi, limits.callers up to 12Mi): raise it, or lower these",
    ),
    ("gateway: {limits: {body: 1000000}}", "gateway.limits.body: 1000000 is a bare number: write a size such as 1Mi"),
    (
        "gateway: {limits: {body: unlimited}}",
        "gateway.limits.body: 'unlimited' is not a size: write one such as 1Mi",
    ),
    ("gateway: {limits: {timeout: 30}}", "gateway.limits.timeout: 30 is a bare number: write a duration such as 30s"),
    (
        "gateway: {limits: {consumerIdle: forever}}",
        "gateway.limits.consumerIdle: 'forever' is not a time to wait: write a duration such as 5m",
    ),
    ("gateway: {limits: {records: 0}}", "gateway.limits.records: 0 is out of range: use 1 to 1000000"),
    (
        "gateway: {limits: {requests: 100}}",
        "gateway.limits.requestsPerCaller: 256 is more than all callers together have (100): use less",
    ),
    (
        "gateway: {limits: {consumers_per_caller: 1}}",
        "gateway.limits.consumers_per_caller: unknown key: did you mean 'consumersPerCaller'?",
    ),
    (
        "gateway: {expose: {}}",
        "gateway.expose: no way in is given: write nodePort, loadBalancer, gatewayClass, gateway or ingressClass",
    ),
    (
        "gateway: {expose: nodePort}",
        "gateway.expose: 'nodePort' is not a mapping: write keys below it, such as nodePort, loadBalancer, gatewayClass",
    ),
    ("gateway: {expose: {nodePort: 8080}}", "gateway.expose.nodePort: 8080 is out of range: use 30000 to 32767"),
    ("gateway: {expose: {nodePorts: 30080}}", "gateway.expose.nodePorts: unknown key: did you mean 'nodePort'?"),
    (
        "gateway: {expose: {nodePort: 30080, ingressClass: nginx, host: a.example.com}}",
        "gateway.expose: nodePort and ingressClass exclude each other: keep one of them",
    ),
    (
        "gateway: {expose: {nodePort: 30080, host: a.example.com}}",
        "gateway.expose.host: cannot be combined with nodePort: remove the key, or write gatewayClass or gateway or ingressClass",
    ),
    (
        "gateway: {expose: {gatewayClass: envoy, certificate: data-tls}}",
        "gateway.expose.host: missing: write the name by which callers come, such as data.example.com",
    ),
    (
        "gateway: {expose: {gatewayClass: envoy, host: data.example.com}}",
        "gateway.expose.certificate: missing, passwords would pass in the clear: name a Secret of kubernetes.io/tls",
    ),
    (
        "gateway: {expose: {gateway: public, listener: https, host: data.example.com, certificate: data-tls}}",
        "gateway.expose.certificate: cannot be combined with gateway: remove the key, or write gatewayClass or ingressClass",
    ),
    (
        "gateway: {expose: {gateway: public, listener: https, host: data.example.com, certificate: ''}}",
        "gateway.expose.certificate: '' is not a Kubernetes Secret name: use up to 253 of a-z, 0-9, - and ., beginning and ending with a letter or digit",
    ),
    (
        "gateway: {expose: {gateway: public, host: data.example.com}}",
        "gateway.expose.listener: missing, a listener of plain HTTP could serve it and passwords pass in the clear: name one with TLS, such as https",
    ),
    (
        "gateway: {expose: {ingressClass: acme, host: data.example.com}}",
        "gateway.expose.controller: missing, the class 'acme' does not say whether plain HTTP would carry passwords: write nginx, traefik, "
        "haproxy, alb, gce, azure, kong, contour, openshift; or other, and see to it yourself that port 80 does not serve the host",
    ),
    (
        "gateway: {expose: {ingressClass: acme, host: data.example.com, controller: envoy}}",
        "gateway.expose.controller: 'envoy' is not known: use one of nginx, traefik, haproxy, alb, gce, azure, kong, contour, openshift, other",
    ),
    (
        "gateway: {expose: {gateway: public, listener: https, host: data.example.com, controller: nginx}}",
        "gateway.expose.controller: cannot be combined with gateway: remove the key, or write ingressClass",
    ),
    (
        "gateway: {expose: {ingressClass: traefik, host: data.example.com, port: 8443}}",
        "gateway.expose.port: cannot be combined with ingressClass: remove the key, or write gatewayClass",
    ),
    (
        "gateway: {expose: {gatewayClass: traefik, host: data.example.com, certificate: data-tls, port: 70000}}",
        "gateway.expose.port: 70000 is out of range: use 1 to 65535",
    ),
    (
        "gateway: {expose: {ingressClass: traefik, host: data.example.com, annotations: {traefik.ingress.kubernetes.io/router.entrypoints: 'web,websecure'}}}",
        "gateway.expose.annotations: 'traefik.ingress.kubernetes.io/router.entrypoints': 'web,websecure' lets passwords pass in the clear: remove it",
    ),
    (
        "gateway: {expose: {gateway: a/b/c, listener: https, host: data.example.com}}",
        "gateway.expose.gateway: 'a/b' is not a Kubernetes namespace: use 1 to 63 of a-z, 0-9 and -, beginning and ending with a letter or digit",
    ),
    (
        "gateway: {expose: {loadBalancer: {sourceRanges: [everywhere]}}}",
        "gateway.expose.loadBalancer.sourceRanges: 'everywhere' is not a network: write one such as 203.0.113.0/24",
    ),
    (
        "gateway: {expose: {loadBalancer: {sourceRanges: []}}}",
        "gateway.expose.loadBalancer.sourceRanges: no network is given, so nobody could connect: write those that may, such as 203.0.113.0/24; or remove the key to let all in",
    ),
    (
        "gateway: {expose: {loadBalancer: {sourceRanges: [0.0.0.0/32]}}}",
        "gateway.expose.loadBalancer.sourceRanges: '0.0.0.0/32' is no address, from which nobody can connect: write the clients' network, such as 203.0.113.0/24",
    ),
    (
        "gateway: {expose: {loadBalancer: {externalTrafficPolicy: local}}}",
        "gateway.expose.loadBalancer.externalTrafficPolicy: 'local' is not known: did you mean 'Local'?",
    ),
    (
        "gateway: {expose: {ingressClass: nginx, host: 'https://data.example.com'}}",
        "gateway.expose.host: 'https://data.example.com' is not a Kubernetes host name: use up to 253 of a-z, 0-9, - and ., beginning and ending with a letter or digit",
    ),
    (
        "gateway: {tls: {certificate: data-tls}, expose: {ingressClass: nginx, host: data.example.com}}",
        "gateway.tls: what exposes the gateway ends TLS and speaks plain HTTP with the pods: remove tls, or expose it by a node port, a load balancer or a Gateway with passthrough",
    ),
    (
        "gateway: {expose: {gatewayClass: envoy, host: a.example.com, passthrough: true}}",
        "gateway.tls: missing, the Gateway passes TLS through to the pods, which have to end it: write tls, or remove passthrough",
    ),
    (
        "gateway: {expose: {ingressClass: nginx, host: a.example.com, passthrough: true}}",
        "gateway.expose.passthrough: cannot be combined with ingressClass: remove the key, or write gatewayClass or gateway",
    ),
    (
        "gateway: {tls: {certificate: a, clientAuthority: b, users: [till]}}",
        "gateway.tls.users: 'till' is not a user of this file: declare it under tenants",
    ),
    (
        """\
gateway: {tls: {certificate: a, clientAuthority: b, users: [till]}}
tenants: {shop: {namespace: shop, users: {till: }}}
""",
        "gateway.tls.users: the Secret of 'till' is delivered to namespace 'shop', and the gateway is in 'streaming': use a user of a tenant without a namespace",
    ),
    ("gateway: {tls: {}}", "gateway.tls.certificate: missing: write the name of a Secret"),
    (
        """\
kafka: {nodes: 3, listeners: {external: {expose: nodePort, host: localhost, port: 30092}}}
gateway: {expose: {nodePort: 30094}}
""",
        "gateway.expose.nodePort: 30094 is the port of broker 2, by kafka.listeners.external: use another one",
    ),
    (
        "gateway: {clientNamespaces: [web], expose: {nodePort: 30080}}",
        "gateway.clientNamespaces: callers outside Kubernetes come from no namespace: remove it, or do not expose the gateway by a node port or load balancer",
    ),
    (
        "gateway: {anonymous: web}",
        "gateway.anonymous: 'web' is not a user of this file: declare it under tenants",
    ),
    (
        """\
tenants: {shop: {users: {web-shop: {}}}}
gateway: {anonymous: webshop}
""",
        "gateway.anonymous: 'webshop' is not a user of this file: declare it under tenants, or name one that is there: web-shop",
    ),
    (
        """\
tenants: {shop: {namespace: shop, users: {web: {}}}}
gateway: {anonymous: web}
""",
        "gateway.anonymous: the Secret of 'web' is delivered to namespace 'shop', and the gateway is in 'streaming': use a user of a tenant without a namespace",
    ),
    (
        "gateway: {anonymous: admin}",
        "gateway.anonymous: 'admin' is a user of the platform itself: choose another name",
    ),
    (
        "gateway: {bearer: true}",
        "gateway.bearer: an embedded Kafka does not accept tokens: remove the key, or write engine: external",
    ),
    (
        "gateway: {trustedProxies: [0.0.0.0/0]}",
        "gateway.trustedProxies: '0.0.0.0/0' is everywhere, so every caller could claim any address: name the network of the proxies",
    ),
    (
        "gateway: {cors: [shop.example.com]}",
        "gateway.cors: 'shop.example.com' is not an origin: write one such as https://shop.example.com, or '*'",
    ),
    (
        "gateway: {recheck: 0s}",
        "gateway.recheck: '0s' is not a time to wait: write a duration such as 60s",
    ),
    (
        "{tenants: {shop: {users: {web: {adopt: true}}}}, gateway: {anonymous: web}}",
        "gateway.anonymous: 'web' is adopted with its password, which is not known here: raise its passwordVersion, or use another",
    ),
]
