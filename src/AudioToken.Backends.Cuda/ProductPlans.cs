using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

/// <summary>The plans of a device's products, each worked out once: to choose one of some seventy at every launch would take the host longer than the launch.</summary>
/// <param name="device">Where the products run.</param>
internal sealed class ProductPlans(CudaDevice device)
{
    private const int Most = 4096; // of about a hundred picture sizes

    private readonly Dictionary<(DType Storage, int Rows, int Columns, int Depth, bool Packed, int Products), ProductPlan> _known = [];

    /// <summary>How many are known.</summary>
    public int Count => _known.Count;

    /// <inheritdoc cref="ProductPlan.For"/>
    public ProductPlan For(DType storage, int rows, int columns, int depth, bool packed, int products)
    {
        var key = (storage, rows, columns, depth, packed, products);
        if (_known.TryGetValue(key, out ProductPlan plan))
            return plan;
        if (_known.Count == Most)
            _known.Clear();
        return _known[key] = ProductPlan.For(device, storage, rows, columns, depth, packed, products);
    }
}
