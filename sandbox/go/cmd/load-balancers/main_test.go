package main

import (
	"maps"
	"net/netip"
	"testing"

	core "k8s.io/api/core/v1"
)

var addresses = netip.MustParsePrefix("10.0.0.0/29")

func service(kind core.ServiceType, class string, has ...string) core.Service {
	found := core.Service{Spec: core.ServiceSpec{Type: kind}}
	if class != "" {
		found.Spec.LoadBalancerClass = &class
	}
	for _, each := range has {
		found.Status.LoadBalancer.Ingress = append(found.Status.LoadBalancer.Ingress, core.LoadBalancerIngress{IP: each})
	}
	return found
}

func TestEachServiceHasAnAddressOfItsOwn(t *testing.T) {
	balancer := core.ServiceTypeLoadBalancer
	services := []core.Service{
		service(core.ServiceTypeClusterIP, ""),
		service(balancer, ""),
		service(balancer, "", "10.0.0.1"),
		service(balancer, ""),
		service(balancer, "another"),
		service(balancer, "", "192.0.2.1"),
	}
	want := map[int]netip.Addr{
		1: netip.MustParseAddr("10.0.0.2"), 3: netip.MustParseAddr("10.0.0.3"), 5: netip.MustParseAddr("10.0.0.4"),
	}
	if got := plan(services, addresses); !maps.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
}

func TestAnAddressIsTakenBack(t *testing.T) {
	services := []core.Service{
		service(core.ServiceTypeClusterIP, "", "10.0.0.1"),
		service(core.ServiceTypeLoadBalancer, "", "10.0.0.2"),
		service(core.ServiceTypeLoadBalancer, "", "10.0.0.2"),
	}
	want := map[int]netip.Addr{0: {}, 2: {}}
	if got := plan(services, addresses); !maps.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
}

func TestAFullRangeGivesNothing(t *testing.T) {
	var services []core.Service
	for range 9 {
		services = append(services, service(core.ServiceTypeLoadBalancer, ""))
	}
	if got := plan(services, addresses); len(got) != 7 {
		t.Errorf("%d of 7 addresses: %v", len(got), got)
	}
}
