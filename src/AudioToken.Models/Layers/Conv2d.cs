using AudioToken.Tensors;
using AudioToken.Weights;

namespace AudioToken.Models.Layers;

/// <summary>A two-dimensional convolution with a bias.</summary>
public sealed class Conv2d
{
    private readonly Weight _weight;
    private readonly Weight? _bias;
    private readonly ConvGeometry _geometry;

    private Conv2d(Weight weight, Weight? bias, in ConvGeometry geometry)
    {
        _weight = weight;
        _bias = bias;
        _geometry = geometry;
    }

    /// <summary>Loads <c>weight</c> [out, in, kernel, kernel] and, if there is one, <c>bias</c> [out]. A 1x1 weight may also be [out, in].</summary>
    public static Conv2d Load(WeightPath weights, int inChannels, int outChannels, int kernel, in ConvGeometry geometry, bool bias = true) =>
        Load(weights, WeightRole.Conv2d, inChannels, outChannels, kernel, geometry, bias);

    /// <summary>Loads a 3x3 convolution that keeps height and width.</summary>
    public static Conv2d Load3x3(WeightPath weights, int inChannels, int outChannels) =>
        Load(weights, inChannels, outChannels, 3, new ConvGeometry(stride: 1, padding: 1));

    /// <summary>Loads a 3x3 convolution of maps that are enlarged, as a rule to twice their sides.</summary>
    public static Conv2d LoadDoubling(WeightPath weights, int channels) =>
        Load(weights, WeightRole.DoublingConv2d, channels, channels, 3, new ConvGeometry(stride: 1, padding: 1), bias: true);

    /// <summary>Loads a 1x1 convolution.</summary>
    public static Conv2d Load1x1(WeightPath weights, int inChannels, int outChannels) =>
        Load(weights, inChannels, outChannels, 1, new ConvGeometry(stride: 1, padding: 0));

    /// <summary>Applies the layer.</summary>
    /// <param name="ops">The operations of one backend.</param>
    /// <param name="x">[B, H, W, in].</param>
    /// <param name="epilogue">What else happens to the sums; its bias is the layer's.</param>
    /// <param name="skip">If given, its channels follow those of <paramref name="x"/>; together they are the layer's.</param>
    /// <returns>[B, H', W', out]; the caller's scope owns it.</returns>
    public Tensor Forward(ITensorOps ops, Tensor x, in Epilogue epilogue = default, Tensor skip = default) =>
        ops.Conv2d(x, _weight, _geometry, epilogue with { Bias = _bias }, skip);

    /// <summary>Applies the layer and adds what another makes of another map.</summary>
    /// <param name="ops">The operations of one backend.</param>
    /// <param name="x">[B, H, W, in].</param>
    /// <param name="epilogue">Of it, a norm may follow.</param>
    /// <param name="shortcut">A 1x1 convolution.</param>
    /// <param name="source">The shortcut's input, [B, H, W, C].</param>
    /// <param name="skip">If given, its channels follow those of <paramref name="source"/>; together they are the shortcut's.</param>
    /// <returns>[B, H, W, out] for a layer that keeps the size; the caller's scope owns it.</returns>
    public Tensor ForwardWithShortcut(ITensorOps ops, Tensor x, in Epilogue epilogue, Conv2d shortcut, Tensor source, Tensor skip) =>
        ops.Conv2dWithShortcut(x, _weight, _geometry, epilogue with { Bias = _bias }, new Shortcut(source, shortcut._weight, shortcut._bias, skip));

    /// <summary>Enlarges a feature map by nearest neighbour and applies the layer.</summary>
    /// <returns>[B, height, width, out] for a layer that keeps the size.</returns>
    public Tensor ForwardEnlarged(ITensorOps ops, Tensor x, int height, int width, in Epilogue epilogue = default) =>
        ops.Conv2d(x, _weight, _geometry with { UpsampleHeight = height, UpsampleWidth = width }, epilogue with { Bias = _bias });

    /// <summary>Enlarges a map in strips to twice its sides and applies a layer that keeps the size; the map is used up.</summary>
    /// <returns>As many strips in the same scope, of twice the rows and columns.</returns>
    internal FeatureStrips ForwardDoubled(ITensorOps ops, FeatureStrips x)
    {
        FeatureStrips y = x.Next();
        for (int i = 0; i < x.Count; i++)
        {
            using (TensorScope scope = ops.Scope())
            {
                Tensor region = x.Region(ops, i);
                y[i] = x.Inner(i, scope.Keep(ForwardEnlarged(ops, region, 2 * region.Shape[1], 2 * region.Shape[2])), scale: 2);
            }

            x.Passed(ops, i);
        }

        return y;
    }

    private static Conv2d Load(WeightPath weights, WeightRole role, int inChannels, int outChannels, int kernel, in ConvGeometry geometry, bool bias)
    {
        Shape shape = [outChannels, inChannels, kernel, kernel];
        return new Conv2d(
            kernel == 1 ? weights.Load("weight", role, shape, [outChannels, inChannels]) : weights.Load("weight", role, shape),
            bias ? weights.Load("bias", WeightRole.Vector, [outChannels]) : null,
            geometry);
    }
}
