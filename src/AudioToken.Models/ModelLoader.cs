using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models;

/// <summary>The one way in which models come out of checkpoints: all tensors fit or nothing stays loaded.</summary>
internal static class ModelLoader
{
    /// <summary>Builds a model from a checkpoint and checks that the two fit; the model owns the weights from then on.</summary>
    /// <exception cref="WeightException">Tensors are missing, misshapen or unused.</exception>
    public static TModel Load<TModel>(ITensorOps ops, TensorCollection tensors, Func<WeightStore, TModel> build)
    {
        WeightStore store = new(ops, tensors);
        try
        {
            TModel model = build(store);
            store.Complete();
            return model;
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }
}
