using System.Globalization;
using AudioToken.Tensors;

namespace AudioToken.Bench.Cases;

/// <summary>A convolution that pads by half its window or not at all: <c>BxHxWxC[+SKIP],N,KHxKW[,...]</c>.</summary>
/// <param name="Batch">Samples.</param>
/// <param name="Height">Of the input, before it is enlarged.</param>
/// <param name="Width">Of the input, before it is enlarged.</param>
/// <param name="Channels">Of the first source.</param>
/// <param name="Skip">Channels of the second source; 0 for none.</param>
/// <param name="Columns">Channels of the result.</param>
/// <param name="Window">Height and width of the window.</param>
/// <param name="Stride">Step between windows.</param>
/// <param name="Enlarged">Height and width to which the input is enlarged; zeros for not.</param>
/// <param name="Epilogue">What else happens to the sums.</param>
public sealed record Conv2dCase(
    int Batch, int Height, int Width, int Channels, int Skip, int Columns, (int Height, int Width) Window, int Stride, (int Height, int Width) Enlarged, CaseEpilogue Epilogue) : KernelCase
{
    internal const string Name = "conv2d";
    internal const string Form = "BxHxWxC[+SKIP],N,KHxKW[,strideS][,nopad][,upHxW][,shortcutC[+SKIP]][,nobias][,shift][,silu|gelu|quick-gelu|relu][,residual][,norm]";
    internal const string Example = "2x64x64x320,320,3x3";

    /// <summary>No padding, as where windows lie side by side.</summary>
    public bool Unpadded { get; init; }

    /// <summary>Channels of both sources of the shortcut that is added; zeros for none.</summary>
    public (int Channels, int Skip) Shortcut { get; init; }

    /// <summary>Rows above and below, columns left and right.</summary>
    public (int Height, int Width) Padding => Unpadded ? default : (Window.Height / 2, Window.Width / 2);

    /// <inheritdoc/>
    public override string Operation => Name;

    /// <inheritdoc/>
    public override string Shape => string.Create(
        CultureInfo.InvariantCulture,
        $"{Batch}x{Height}x{Width}x{Channels}{(Skip > 0 ? $"+{Skip}" : "")},{Columns},{Window.Height}x{Window.Width}{(Stride > 1 ? $",stride{Stride}" : "")}{(Unpadded ? ",nopad" : "")}{(Enlarged.Height > 0 ? $",up{Enlarged.Height}x{Enlarged.Width}" : "")}{ShortcutText}{Epilogue}");

    /// <inheritdoc/>
    public override double Flops => 2.0 * Result.Count * (Depth + ShortcutDepth);

    /// <inheritdoc/>
    public override long Elements => checked(
        (long)Batch * Height * Width * (Channels + Skip + ShortcutDepth) + Columns * (Depth + ShortcutDepth) + (Epilogue.Residual ? 2 : 1) * Result.Count);

    private string ShortcutText => Shortcut switch
    {
        (0, _) => "",
        (int channels, 0) => $",shortcut{channels}",
        (int channels, int skip) => $",shortcut{channels}+{skip}",
    };

    private int ShortcutDepth => Shortcut.Channels + Shortcut.Skip;

    private long Depth => (long)Window.Height * Window.Width * (Channels + Skip);

    // As models load a weight of this form.
    private bool IsDoubling => Window == (3, 3) && Stride == 1 && !Unpadded && Enlarged == (2 * Height, 2 * Width);

    // Of the pixels' matrix with the weight.
    private bool IsProduct => Window == (1, 1) && Stride == 1 && Enlarged == default && Skip == 0;

    private ConvGeometry Geometry => new()
    {
        Stride = Stride,
        PadTop = Padding.Height,
        PadBottom = Padding.Height,
        PadLeft = Padding.Width,
        PadRight = Padding.Width,
        UpsampleHeight = Enlarged.Height,
        UpsampleWidth = Enlarged.Width,
    };

    private Shape Result
    {
        get
        {
            (int height, int width) = Geometry.OutputSize(Height, Width, Window.Height, Window.Width);
            return [Batch, height, width, Columns];
        }
    }

    /// <summary>The case of a call; null for one whose padding is another.</summary>
    internal static Conv2dCase? Of(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, Tensor skip)
    {
        Conv2dCase made = new(
            x.Shape[0], x.Shape[1], x.Shape[2], x.Shape[3], skip.IsEmpty ? 0 : skip.Shape[3], weight.Shape[0], (weight.Shape[2], weight.Shape[3]),
            geometry.Stride, (geometry.UpsampleHeight, geometry.UpsampleWidth), CaseEpilogue.Of(epilogue))
        {
            Unpadded = geometry.PadTop == 0 && weight.Shape[2] > 1,
        };
        return made.Geometry == geometry ? made : null;
    }

    /// <summary>The same with a shortcut.</summary>
    internal static Conv2dCase? Of(Tensor x, Weight weight, in ConvGeometry geometry, in Epilogue epilogue, in Shortcut shortcut) =>
        Of(x, weight, geometry, epilogue, skip: default) is { } made
            ? made with { Shortcut = (shortcut.X.Shape[3], shortcut.Skip.IsEmpty ? 0 : shortcut.Skip.Shape[3]) }
            : null;

    internal static Conv2dCase Read(CaseText text)
    {
        (int[] x, int skip) = text.ExtentsAndSkip("BxHxWxC", 4);
        int[] columns = text.Extents("N", 1), window = text.Extents("KHxKW", 2), stride = text.Takes("stride", 1), up = text.Takes("up", 2);
        bool unpadded = text.Takes("nopad");
        (int Channels, int Skip) shortcut = text.TakesWithSkip("shortcut");
        return new Conv2dCase(
            x[0], x[1], x[2], x[3], skip, columns[0], (window[0], window[1]), Math.Max(1, stride[0]), (up[0], up[1]), CaseEpilogue.Read(text, gegluFits: false, shiftFits: true))
        {
            Unpadded = unpadded,
            Shortcut = shortcut,
        };
    }

    /// <inheritdoc/>
    internal override CaseWork Prepare(CaseInputs inputs)
    {
        Tensor x = inputs.Input("x", [Batch, Height, Width, Channels]);
        Tensor skip = Skip > 0 ? inputs.Input("skip", [Batch, Height, Width, Skip]) : default;
        Weight weight = inputs.Weight("w.weight", IsDoubling ? WeightRole.DoublingConv2d : WeightRole.Conv2d, [Columns, Channels + Skip, Window.Height, Window.Width]);
        Epilogue epilogue = Epilogue.Prepare(inputs, Columns, Result);
        ConvGeometry geometry = Geometry;
        if (ShortcutDepth == 0)
            return new CaseWork(() => inputs.Ops.Conv2d(x, weight, geometry, epilogue, skip), IsProduct ? [new CaseProduct(x, weight, epilogue, part => inputs.Ops.Conv2d(x, weight, geometry, part))] : []);
        Shortcut shortcut = new(
            inputs.Input("shortcut.x", [Batch, Height, Width, Shortcut.Channels]),
            inputs.Weight("shortcut.weight", WeightRole.Conv2d, [Columns, ShortcutDepth, 1, 1]),
            Epilogue.Bias ? inputs.Weight("shortcut.bias", WeightRole.Vector, [Columns]) : null,
            Shortcut.Skip > 0 ? inputs.Input("shortcut.skip", [Batch, Height, Width, Shortcut.Skip]) : default);
        return new CaseWork(() => inputs.Ops.Conv2dWithShortcut(x, weight, geometry, epilogue, shortcut));
    }
}
