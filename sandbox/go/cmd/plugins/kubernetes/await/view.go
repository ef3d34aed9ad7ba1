package await

import (
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/cluster"
)

// retryWatch is the pause before a broken watch is opened again.
const retryWatch = 500 * time.Millisecond

// relation is a set of objects that belong to the awaited one.
type relation struct {
	kind   schema.GroupVersionKind
	labels string
}

// view is the current state of an object and of what belongs to it, kept up to date by watches.
type view struct {
	// changed gets an element after changes.
	changed chan struct{}
	// deleted is set once the object is gone. Only observation writes it, so its caller may read it.
	deleted bool

	lock    sync.Mutex
	object  *unstructured.Unstructured
	gone    bool
	related map[schema.GroupVersionKind]map[string]*unstructured.Unstructured
	moment  time.Time
}

// open starts to watch; the watches end with the context.
func open(ctx context.Context, target *cluster.Cluster, object *unstructured.Unstructured, relations []relation) (*view, error) {
	v := &view{
		changed: make(chan struct{}, 1), object: object, moment: time.Now(),
		related: map[schema.GroupVersionKind]map[string]*unstructured.Unstructured{},
	}
	client, err := target.ClientFor(object)
	if err != nil {
		return nil, err
	}
	go follow(ctx, client, metav1.ListOptions{FieldSelector: "metadata.name=" + object.GetName()}, v.takeObjects, v.takeObject)
	for _, relation := range relations {
		client, err := target.Client(relation.kind, object.GetNamespace())
		if err != nil {
			return nil, err
		}
		go follow(ctx, client, metav1.ListOptions{LabelSelector: relation.labels},
			func(items []unstructured.Unstructured) { v.takeList(relation.kind, items) },
			func(event watch.EventType, item *unstructured.Unstructured) { v.take(relation.kind, event, item) })
	}
	return v, nil
}

// observation is the current state. It is not to be changed.
func (v *view) observation() Observation {
	v.lock.Lock()
	defer v.lock.Unlock()
	v.deleted = v.gone
	seen := Observation{Object: v.object, Related: map[string][]*unstructured.Unstructured{}, Quiet: time.Since(v.moment)}
	for kind, items := range v.related {
		for _, item := range items {
			seen.Related[kind.Kind] = append(seen.Related[kind.Kind], item)
		}
	}
	return seen
}

func (v *view) update(change func()) {
	v.lock.Lock()
	change()
	v.moment = time.Now()
	v.lock.Unlock()
	select {
	case v.changed <- struct{}{}:
	default:
	}
}

func (v *view) takeObjects(items []unstructured.Unstructured) {
	v.update(func() {
		v.gone = len(items) == 0 || items[0].GetUID() != v.object.GetUID()
		if !v.gone {
			v.object = &items[0]
		}
	})
}

func (v *view) takeObject(event watch.EventType, item *unstructured.Unstructured) {
	v.update(func() {
		if item.GetUID() != v.object.GetUID() {
			return
		}
		v.object, v.gone = item, event == watch.Deleted
	})
}

func (v *view) takeList(kind schema.GroupVersionKind, items []unstructured.Unstructured) {
	v.update(func() {
		v.related[kind] = make(map[string]*unstructured.Unstructured, len(items))
		for i := range items {
			v.related[kind][items[i].GetName()] = &items[i]
		}
	})
}

func (v *view) take(kind schema.GroupVersionKind, event watch.EventType, item *unstructured.Unstructured) {
	v.update(func() {
		if event == watch.Deleted {
			delete(v.related[kind], item.GetName())
			return
		}
		v.related[kind][item.GetName()] = item
	})
}

// follow lists and then watches, repeatedly until the context ends.
func follow(
	ctx context.Context, client dynamic.ResourceInterface, options metav1.ListOptions,
	all func([]unstructured.Unstructured), one func(watch.EventType, *unstructured.Unstructured),
) {
	for ctx.Err() == nil {
		list, err := client.List(ctx, options)
		if err == nil {
			all(list.Items)
			from := options
			from.ResourceVersion = list.GetResourceVersion()
			err = consume(ctx, client, from, one)
		}
		if err != nil && !apierrors.IsGone(err) && !apierrors.IsResourceExpired(err) {
			select {
			case <-ctx.Done():
			case <-time.After(retryWatch):
			}
		}
	}
}

// consume passes on the events of one watch until it ends.
func consume(
	ctx context.Context, client dynamic.ResourceInterface, options metav1.ListOptions,
	one func(watch.EventType, *unstructured.Unstructured),
) error {
	stream, err := client.Watch(ctx, options)
	if err != nil {
		return err
	}
	defer stream.Stop()
	for event := range stream.ResultChan() {
		switch event.Type {
		case watch.Error:
			return apierrors.FromObject(event.Object)
		case watch.Bookmark:
		default:
			if item, isObject := event.Object.(*unstructured.Unstructured); isObject {
				one(event.Type, item)
			}
		}
	}
	return nil
}
