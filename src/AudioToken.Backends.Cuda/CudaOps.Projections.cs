using System.Runtime.CompilerServices;
using AudioToken.Backends.Cuda.Driver;
using AudioToken.Tensors;

namespace AudioToken.Backends.Cuda;

public sealed unsafe partial class CudaOps
{
    private const int MaxProjections = 3; // as Projections in project.cu

    /// <inheritdoc/>
    public void Project(Tensor x, ReadOnlySpan<Projection> projections, Span<Tensor> results)
    {
        if (projections.Length > MaxProjections || !AreAlike(projections))
        {
            for (int i = 0; i < projections.Length; i++)
                results[i] = Linear(x, projections[i].Weight, new Epilogue(projections[i].Bias));
            return;
        }

        using TensorScope scope = Scope();
        ProjectionAddresses addresses = default;
        for (int i = 0; i < projections.Length; i++)
        {
            Projection projection = projections[i];
            results[i] = Allocate(ResultShape.Linear(x, projection.Weight, new Epilogue(projection.Bias)), _storage);
            addresses.Weights[i] = Rows(Own(projection.Weight, WeightRole.Linear, nameof(Project), "weight"));
            addresses.Biases[i] = projection.Bias is null ? 0 : Own(projection.Bias, WeightRole.Vector, nameof(Project), "bias").Address;
            addresses.Results[i] = AddressOf(results[i]);
        }

        CudaRows first = ((CudaWeight)projections[0].Weight).Rows;
        ProductColumns columns = new() { Stride = first.Stride, Depth = first.Depth }; // each product has its own address
        ulong rows = Operand(x, _storage, nameof(Project), nameof(x));
        ProductEpilogue finish = Resolve(default, results[0], first.Count, nameof(Project));
        KernelArguments arguments = default;
        arguments.Add(rows).Add(addresses).Add(columns).Add(finish);
        LaunchProduct("project", finish.Rows, finish.Columns, first.Depth, first.Depth % 8 == 0 && rows % 16 == 0, ref arguments, projections.Length);
        foreach (Tensor result in results[..projections.Length])
            scope.Keep(result);
    }

    // More than one, all of one shape.
    private static bool AreAlike(ReadOnlySpan<Projection> projections)
    {
        for (int i = 1; i < projections.Length; i++)
        {
            if (projections[i].Weight?.Shape != projections[0].Weight?.Shape)
                return false;
        }

        return projections.Length > 1;
    }

    // As Projections in project.cu.
    private struct ProjectionAddresses
    {
        public Three<ulong> Weights;
        public Three<ulong> Biases;
        public Three<ulong> Results;
    }

    [InlineArray(MaxProjections)]
    private struct Three<T>
    {
        private T _first;
    }
}
