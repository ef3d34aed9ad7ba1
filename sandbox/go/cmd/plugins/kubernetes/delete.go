package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/await"
	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/cluster"
	"kafka-platform.dev/sandbox/cmd/plugins/kubernetes/object"
	"kafka-platform.dev/sandbox/cmd/plugins/properties"
)

// Delete deletes an object and waits until it is gone; a missing one counts as deleted. A Patch resource only gives
// up its fields.
func (p *provider) Delete(_ context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	urn := resource.URN(req.GetUrn())
	state, err := properties.Read("state", req.GetProperties())
	if err != nil {
		return nil, err
	}
	if p.cluster == nil {
		p.warn(req.GetUrn(), p.errUnreachable().Error())
		if p.settings.deleteUnreachable {
			return &emptypb.Empty{}, nil
		}
		return nil, errors.New("configured Kubernetes cluster is unreachable. " + unreachableAdvice)
	}
	checkpoint := object.ReadCheckpoint(state)
	client, err := p.cluster.ClientFor(checkpoint.Live)
	if cluster.IsGone(err) {
		return &emptypb.Empty{}, nil
	} else if err != nil {
		return nil, err
	}
	_, name := object.ParseID(req.GetId())
	if object.IsPatch(urn, checkpoint.Inputs) {
		// Applying nothing to a missing object would create it.
		if _, err := client.Get(p.ctx, name, metav1.GetOptions{}); cluster.IsGone(err) {
			return &emptypb.Empty{}, nil
		}
		err := relinquish(p.ctx, client, checkpoint.Live, checkpoint.FieldManager)
		if apierrors.IsInvalid(err) && strings.Contains(err.Error(), "Required value") {
			return nil, fmt.Errorf("this Patch resource is currently managing a required field, so it can't be deleted directly. "+
				"Either set the `retainOnDelete` resource option, or transfer ownership of the field before deleting: %w", err)
		}
		return &emptypb.Empty{}, err
	}
	policy := object.DeletionPropagation(checkpoint.Inputs)
	err = client.Delete(p.ctx, name, metav1.DeleteOptions{PropagationPolicy: &policy})
	switch {
	case cluster.IsGone(err):
		return &emptypb.Empty{}, nil
	case err != nil:
		return nil, err
	case object.IsTrue(checkpoint.Inputs, object.SkipAwait):
		return &emptypb.Empty{}, nil
	}
	limit := object.Timeout(req.GetTimeout(), checkpoint.Inputs)
	err = await.Gone(p.ctx, p.cluster, checkpoint.Live, limit, p.reporter(req.GetUrn()))
	if failure, known := await.Unfinished(err); known {
		checkpoint.Live = failure.Object
		message, writeErr := properties.Write("state", checkpoint.Properties(state))
		if writeErr != nil {
			return nil, writeErr
		}
		return nil, unfinished(req.GetId(), fmt.Sprintf("%q is not deleted yet", req.GetId()), err,
			&pulumirpc.ErrorResourceInitFailed{Properties: message})
	}
	return &emptypb.Empty{}, err
}
