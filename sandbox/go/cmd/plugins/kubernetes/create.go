package kubernetes

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil/rpcerror"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/await"
	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/cluster"
	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/object"
	"kafka-platform.dev/sandbox/cmd/plugins/properties"
)

// createRetries are the pauses between retries of a creation that failed because the namespace or the kind
// does not exist yet: a program may make both in the same run without declaring the dependency.
var createRetries = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}

// existsAdvice is what to do about an object that exists already.
const existsAdvice = `

The resource already exists in the cluster. This can happen when:

  - Renaming a Pulumi resource: use an alias to preserve the identity,
    or use deleteBeforeReplace if the resource needs replacement.
  - Managing an existing resource: use a Patch resource (e.g. NamespacePatch)
    to manage specific fields without owning the resource lifecycle.
  - Adopting a resource into Pulumi: use ` + "`pulumi import`" + `. Note that
    protected resources (e.g. kube-system) cannot be deleted on destroy.
  - Intentional upsert: set upsertExistingObjects on the provider to allow
    server-side apply to update existing objects on create.`

// Create creates an object and waits until it is ready; a preview asks the API server for the result.
func (p *provider) Create(_ context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	urn := resource.URN(req.GetUrn())
	news, err := properties.Read("inputs", req.GetProperties())
	if err != nil {
		return nil, err
	}
	inputs := object.FromProperties(news)
	asIs := &pulumirpc.CreateResponse{Properties: req.GetProperties()}
	if req.GetPreview() {
		if p.cluster == nil || object.HasUnknown(inputs.Object) || object.IsPatch(urn, inputs) || !p.cluster.Has(kindOf(inputs)) {
			return asIs, nil
		}
	} else if p.cluster == nil {
		return nil, p.errUnreachable()
	}
	manager, err := fieldManager(inputs, "")
	if err != nil {
		return nil, err
	}
	created, err := p.create(req.GetUrn(), inputs, manager, object.IsPatch(urn, inputs), req.GetPreview())
	switch {
	case err == nil:
	case req.GetPreview() && unpreviewable(err):
		return asIs, nil
	case apierrors.IsAlreadyExists(err):
		return nil, notCreated(urn, fmt.Errorf("%w%s", err, existsAdvice))
	case meta.IsNoMatchError(err):
		return nil, fmt.Errorf("creation of resource %q with kind %s/%s failed because the Kubernetes API server "+
			"reported that the apiVersion for this resource does not exist. Verify that any required CRDs have been created: %w",
			urn, inputs.GetAPIVersion(), inputs.GetKind(), err)
	default:
		return nil, notCreated(urn, err)
	}
	checkpoint := object.Checkpoint{
		Live: created, Inputs: inputs, InitialAPIVersion: inputs.GetAPIVersion(), FieldManager: manager,
	}
	if req.GetPreview() {
		// The status is still empty; a program that reads it has to wait for the real one.
		delete(checkpoint.Live.Object, "status")
		message, err := properties.Write("state", checkpoint.Properties(news))
		return &pulumirpc.CreateResponse{Properties: message}, err
	}
	ready, err := p.await(req.GetUrn(), inputs, created, true, req.GetTimeout())
	checkpoint.Live = ready
	message, writeErr := properties.Write("state", checkpoint.Properties(news))
	if writeErr != nil {
		return nil, writeErr
	}
	if err != nil {
		return nil, unfinished(object.ID(ready), fmt.Sprintf(
			"resource %q was successfully created, but the Kubernetes API server reported that it failed to fully "+
				"initialize or become live", urn), err, &pulumirpc.ErrorResourceInitFailed{Properties: message})
	}
	if kindOf(inputs).Kind == "CustomResourceDefinition" {
		p.cluster.Refresh()
	}
	return &pulumirpc.CreateResponse{Id: object.ID(ready), Properties: message}, nil
}

func notCreated(urn resource.URN, err error) error {
	return fmt.Errorf("resource %q was not successfully created by the Kubernetes API server: %w", urn, err)
}

// unpreviewable tells whether a dry run failed for a reason that does not predict the real run: forbidden, not
// supported, about to be replaced, or in a namespace that does not exist yet.
func unpreviewable(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsAlreadyExists(err) || cluster.IsNamespaceMissing(err) ||
		apierrors.IsBadRequest(err) && strings.Contains(err.Error(), "dry run")
}

// create sends the inputs, again if the namespace or the kind does not exist yet.
func (p *provider) create(
	urn string, inputs *unstructured.Unstructured, manager string, patch, preview bool,
) (*unstructured.Unstructured, error) {
	for attempt := 0; ; attempt++ {
		created, err := p.createOnce(inputs, manager, patch, preview)
		if err == nil || preview || !cluster.IsGone(err) || attempt == len(createRetries) {
			return created, err
		}
		p.reporter(urn)(fmt.Sprintf("Retry #%d; creation failed: %v", attempt, err), false)
		select {
		case <-p.ctx.Done():
			return nil, err
		case <-time.After(createRetries[attempt]):
		}
	}
}

func (p *provider) createOnce(
	inputs *unstructured.Unstructured, manager string, patch, preview bool,
) (*unstructured.Unstructured, error) {
	client, err := p.cluster.ClientFor(inputs)
	if err != nil {
		return nil, err
	}
	if patch || p.settings.upsert {
		force := preview || p.settings.patchForce || object.IsTrue(inputs, object.PatchForce)
		return apply(p.ctx, client, inputs, manager, force, preview)
	}
	return client.Create(p.ctx, inputs, metav1.CreateOptions{FieldManager: creationManager, DryRun: dryRun(preview)})
}

// await waits until an object is ready: by the program's own conditions if it declares any, otherwise by its kind's
// rule. It returns the last version of the object that was seen.
func (p *provider) await(
	urn string, inputs, live *unstructured.Unstructured, creating bool, timeout float64,
) (*unstructured.Unstructured, error) {
	if object.IsTrue(inputs, object.SkipAwait) {
		return live, nil
	}
	rule := await.For(live.GroupVersionKind())
	if custom := object.Annotation(inputs, object.WaitFor); custom != "" {
		var err error
		if rule, err = await.Custom(custom); err != nil {
			return live, err
		}
	}
	limit := object.Timeout(timeout, inputs)
	if rule.Timeout > 0 && limit == object.DefaultTimeout {
		limit = rule.Timeout
	}
	return await.Ready(p.ctx, p.cluster, live, rule, creating, limit, p.reporter(urn))
}

// unfinished is the error of an operation that left an object behind: the engine keeps its state and retries
// at the next deployment.
func unfinished(id, summary string, err error, detail *pulumirpc.ErrorResourceInitFailed) error {
	detail.Id = id
	detail.Reasons = []string{fmt.Sprintf("%s: %v", summary, err)}
	if failure, known := await.Unfinished(err); known {
		detail.Reasons = append(detail.Reasons, failure.Reasons...)
	}
	return rpcerror.WithDetails(rpcerror.New(codes.Unknown, detail.Reasons[0]), detail)
}
