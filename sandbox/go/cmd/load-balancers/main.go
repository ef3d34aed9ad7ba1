// Command load-balancers gives every Service of the type LoadBalancer an address of the sandbox's network, and takes it
// back with the type. It stands in for a cloud's controller or MetalLB: it writes the status alone, by which kube-proxy
// serves the address on every node.
package main

import (
	"context"
	"flag"
	"net/netip"
	"os/signal"
	"syscall"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

const again = 5 * time.Second // after an update that failed

// ours says whether a Service is to have an address: one with a class belongs to another controller.
func ours(service *core.Service) bool {
	return service.Spec.Type == core.ServiceTypeLoadBalancer && service.Spec.LoadBalancerClass == nil
}

// held is the address of the range in a Service's status, or the zero address.
func held(service *core.Service, addresses netip.Prefix) netip.Addr {
	for _, each := range service.Status.LoadBalancer.Ingress {
		if address, err := netip.ParseAddr(each.IP); err == nil && addresses.Contains(address) {
			return address
		}
	}
	return netip.Addr{}
}

// plan says which Services, by their place in the list, get which address, and which lose theirs (the zero address).
func plan(services []core.Service, addresses netip.Prefix) map[int]netip.Addr {
	taken, changes := map[netip.Addr]bool{}, map[int]netip.Addr{}
	for i := range services {
		if address := held(&services[i], addresses); !address.IsValid() {
			continue
		} else if ours(&services[i]) && !taken[address] {
			taken[address] = true
		} else {
			changes[i] = netip.Addr{}
		}
	}
	next := addresses.Masked().Addr().Next()
	for i := range services {
		if !ours(&services[i]) || held(&services[i], addresses).IsValid() {
			continue
		}
		for taken[next] {
			next = next.Next()
		}
		if !addresses.Contains(next) {
			klog.Errorf("the range %s is used up", addresses)
			break
		}
		taken[next], changes[i] = true, next
	}
	return changes
}

// reconcile brings all Services to what plan says. It asks the API server itself: the informer's list may be older than
// the last update.
func reconcile(ctx context.Context, client kubernetes.Interface, addresses netip.Prefix) error {
	found, err := client.CoreV1().Services(meta.NamespaceAll).List(ctx, meta.ListOptions{})
	if err != nil {
		return err
	}
	for i, address := range plan(found.Items, addresses) {
		service := &found.Items[i]
		service.Status.LoadBalancer.Ingress = nil
		if address.IsValid() {
			service.Status.LoadBalancer.Ingress = []core.LoadBalancerIngress{{IP: address.String()}}
		}
		if _, err := client.CoreV1().Services(service.Namespace).UpdateStatus(ctx, service, meta.UpdateOptions{}); err != nil {
			return err
		}
		klog.Infof("%s/%s: %s", service.Namespace, service.Name, address)
	}
	return nil
}

func main() {
	chosen := flag.String("addresses", "", "range of the addresses, such as 10.0.0.0/24")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	addresses, err := netip.ParsePrefix(*chosen)
	if err != nil {
		klog.Fatal(err)
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		klog.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		klog.Fatal(err)
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	changed := make(chan struct{}, 1)
	notify := func() {
		select {
		case changed <- struct{}{}:
		default: // whoever looks next sees this change too
		}
	}
	if _, err := factory.Core().V1().Services().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { notify() },
		UpdateFunc: func(any, any) { notify() },
		DeleteFunc: func(any) { notify() },
	}); err != nil {
		klog.Fatal(err)
	}
	factory.Start(ctx.Done())
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		if err := reconcile(ctx, client, addresses); err != nil {
			klog.Error(err)
			time.AfterFunc(again, notify)
		}
	}
}
